"""The relaxed form of headers and bodies (RFC 6376, 3.4.2 and 3.4.4): what is hashed, whatever relays do to spaces."""

import re

_FOLD = re.compile(rb"\r\n(?=[ \t])")
_SPACES = re.compile(rb"[ \t]+")
_SPACES_AT_END = re.compile(rb"[ \t]+(?=\r\n)")


def relaxed_header(field: bytes) -> bytes:
    """Return one whole field, with its CRLF, in relaxed form: also with CRLF."""
    name, _, value = field.partition(b":")
    value = _SPACES.sub(b" ", _FOLD.sub(b"", value).removesuffix(b"\r\n"))
    return name.strip().lower() + b":" + value.strip() + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """Return a body, its lines ended by CRLF, in relaxed form."""
    body = _SPACES.sub(b" ", _SPACES_AT_END.sub(b"", body))
    body = body.rstrip(b" \t") if not body.endswith(b"\r\n") else body
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    if body == b"\r\n":
        return b""
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def fields_of(head: bytes) -> list[bytes]:
    """Return the fields of a head, each whole and with its CRLF."""
    return [field + b"\r\n" for field in re.split(rb"\r\n(?![ \t])", head.removesuffix(b"\r\n"))]

"""A mail as it came, taken apart for reading. Whatever came, this never raises: a broken mail shows what it has."""

import base64
import contextlib
import email
import re
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import Message
from typing import NamedTuple

MOST_PREVIEW = 160
"""Characters of the preview in a list."""

MOST_HEADER = 2000
"""Characters of a header that are kept and shown."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_CID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)


class Attachment(NamedTuple):
    """A part that is not the text of the mail."""

    name: str
    content_type: str
    content: bytes


class Letter:
    """One mail, read from its octets."""

    def __init__(self, raw: bytes) -> None:
        self._message = email.message_from_bytes(raw)

    def header(self, name: str) -> str:
        """Return a header, decoded and on one line; empty when the mail has none."""
        return _decoded(str(self._message.get(name, "")))

    def headers(self) -> list[tuple[str, str]]:
        """Return all headers in their order, decoded."""
        return [(name, _decoded(str(value))) for name, value in self._message.items()]

    def text(self) -> str:
        """Return the plain part; empty when there is none."""
        return self._body("text/plain")

    def html(self) -> str:
        """Return the HTML part with the images that it brought along inside it; empty when there is none."""
        inline = {part.get("Content-ID", "").strip("<> "): part for part in self._message.walk()}

        def replaced(match: re.Match[str]) -> str:
            part = inline.get(match[1])
            if part is None:
                return match[0]
            return f"data:{part.get_content_type()};base64,{base64.b64encode(_content(part)).decode()}"

        return _CID.sub(replaced, self._body("text/html"))

    def preview(self) -> str:
        """Return the beginning of the text on one line."""
        text = self.text() or _MARKUP.sub(" ", self._body("text/html"))
        return _SPACE.sub(" ", text).strip()[:MOST_PREVIEW]

    def attachments(self) -> list[Attachment]:
        """Return the parts that are neither the plain nor the HTML text."""
        return [
            Attachment(_decoded(part.get_filename() or "unnamed"), part.get_content_type(), _content(part))
            for part in self._parts()
            if part.get_content_type() not in {"text/plain", "text/html"} or _attached(part)
        ]

    def _parts(self) -> Iterator[Message]:
        return (part for part in self._message.walk() if not part.is_multipart())

    def _body(self, content_type: str) -> str:
        for part in self._parts():
            if part.get_content_type() == content_type and not _attached(part):
                return _text(part)
        return ""


def _attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    content = _content(part)
    text = content.decode("utf-8", "replace")
    with contextlib.suppress(LookupError):
        text = content.decode(str(part.get_content_charset() or "utf-8"), "replace")
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def _decoded(value: str) -> str:
    with contextlib.suppress(LookupError, ValueError):
        value = str(make_header(decode_header(value)))
    return _CONTROL.sub("\ufffd", _SPACE.sub(" ", value)).strip()[:MOST_HEADER]

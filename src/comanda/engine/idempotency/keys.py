"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07).

The draft makes the value a structured-field string (RFC 9651): `"8e03978e-…"`, in double quotes. Most clients send it
bare, as Stripe's do; both are understood, and the same characters are the same key.
"""

import re

from comanda.engine.errors import Refused

MAX_KEY = 255
"""Characters of a key, at most."""

BARE = re.compile(r"[!#-\[\]-~]+")
"""Visible ASCII without the double quote and the backslash, which a bare key cannot contain."""

QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')


def parse_key(header: str | None) -> str | None:
    """Return the key that the header carries; None where there is no header.

    Raises `Refused` (malformed) for an empty key, one over `MAX_KEY` characters, or one that is neither a
    structured-field string nor bare visible ASCII.
    """
    if header is None:
        return None
    value = header.strip(" \t")
    quoted = QUOTED.fullmatch(value)
    if quoted is not None:
        key = re.sub(r"\\(.)", r"\1", quoted.group(1))
    elif BARE.fullmatch(value):
        key = value
    else:
        key = ""
    if not key.strip():
        raise _malformed("The Idempotency-Key header is empty or is not a string of visible ASCII characters.")
    if len(key) > MAX_KEY:
        raise _malformed(f"The Idempotency-Key header is longer than {MAX_KEY} characters.")
    return key


def _malformed(message: str) -> Refused:
    return Refused(message, kind="malformed", code="idempotency-key-malformed")

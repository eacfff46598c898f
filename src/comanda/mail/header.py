"""Header fields on the wire (RFC 5322, RFC 2047).

The standard library's `EmailMessage` folds headers itself, and in Python 3.11 gains or loses spaces between encoded
words (seen: a name of astral characters comes back with one space less). A receipt must say the guest's name as the
guest wrote it, so headers are encoded here; bodies stay with the standard library.
"""

import base64
import re

from comanda.mail.errors import BadMessage

SOFT_WIDTH = 76
"""Octets of a line where that can be had (RFC 5322 says 78, RFC 2047 says 76 for a line with encoded words)."""

HARD_WIDTH = 998
"""Octets of a line at most, without its CRLF (RFC 5322, 2.1.1)."""

WORD_OCTETS = 39
"""UTF-8 octets in one encoded word: 52 of base64, 64 with its frame, so that `Subject: ` fits before the first."""

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NAME = re.compile(r"[!-9;-~]{1,70}")
_PLAIN = re.compile(r"[\t -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def checked_name(name: str) -> str:
    """Return a header's name, or raise `BadMessage` when it has another character than RFC 5322 allows."""
    if not _NAME.fullmatch(name):
        raise BadMessage(f"{name!r} cannot be the name of a header.")
    return name


def checked_value(name: str, value: str) -> str:
    """Return a header's value, or raise `BadMessage`: CR, LF, NUL and other controls are refused, never stripped."""
    if _FORBIDDEN.search(value) or _SURROGATE.search(value):
        raise BadMessage(f"The header {name} has a line break or another control character in it.")
    return value


def encoded_words(text: str) -> str:
    """Return `text` as RFC 2047 words of UTF-8, split between characters, one to a line."""
    words, chunk = [], b""
    for character in text:
        octets = character.encode()
        if len(chunk) + len(octets) > WORD_OCTETS:
            words.append(chunk)
            chunk = b""
        chunk += octets
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words)


def text_field(name: str, value: str) -> str:
    """Return a field of free text (Subject): as it stands where it is short and plain, else in encoded words."""
    value = checked_value(name, value)
    plain = _PLAIN.fullmatch(value) and "=?" not in value and value == value.strip()
    if plain and len(name) + 2 + len(value) <= SOFT_WIDTH:
        return f"{name}: {value}\r\n"
    return f"{name}: {encoded_words(value)}\r\n"


def structured_field(name: str, value: str) -> str:
    """Return a field with a grammar of its own (List-Unsubscribe, References), folded only at its own spaces.

    Raises:
        BadMessage: it is not plain ASCII, or a part without spaces is longer than a line may be.
    """
    value = checked_value(name, value).strip()
    if not _PLAIN.fullmatch(value):
        raise BadMessage(f"The header {name} may only have plain ASCII characters.")
    first, *rest = value.split() or [""]
    line, lines = f"{name}: {first}", []
    for part in rest:
        if len(line) + 1 + len(part) > SOFT_WIDTH:
            lines.append(line)
            line = ""
        line += " " + part
    lines.append(line)
    if any(len(each) > HARD_WIDTH for each in lines):
        raise BadMessage(f"The header {name} has a part that is longer than a line of mail may be.")
    return "\r\n".join(lines) + "\r\n"


def phrase(text: str) -> str:
    """Return a display name as it may stand before an address: atoms, a quoted string, or encoded words."""
    if _ATOMS.fullmatch(text) and "=?" not in text and len(text) <= WORD_OCTETS:
        return text
    if _PLAIN.fullmatch(text) and "=?" not in text and "\t" not in text and len(text) <= WORD_OCTETS:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return encoded_words(text)

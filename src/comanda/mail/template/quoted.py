"""Quoted-printable (RFC 2045, 6.7) in pieces that can be joined in any order and number.

Every piece begins at the start of a line and leaves an open line behind, so that a *soft break* between two pieces is
all it takes to join them: no line is ever too long, whatever goes into a slot. What is encoded has no two blanks in a
row, no blank before a line's end, and no dot at a line's beginning. So it passes through SMTP without dots being
doubled, and its relaxed form for DKIM is itself.
"""

import re
from functools import lru_cache

SOFT_BREAK = b"=\r\n"
WIDTH = 75
"""Characters of a line before its soft break, whose `=` is the 76th."""

KEPT = 4_096
"""Encoded values that are remembered: first names are few."""

_PLAIN = re.compile(r"[!-<>-~](?: ?[!-<>-~])*")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LITERAL = frozenset(range(33, 127)) - {ord("=")}


def clean(text: str) -> str:
    """Return the text as a mail can hold it: lines ended by LF, controls gone, half characters replaced."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", _LINE_END.sub("\n", text)))


def encoded(text: str) -> bytes:
    """Return a piece of any length. LF becomes a line's end; everything else comes out as it went in, after `clean`."""
    lines = clean(text).split("\n")
    return b"\r\n".join(_line(line) for line in lines)


@lru_cache(maxsize=KEPT)
def encoded_value(text: str) -> bytes:
    """Return the piece of a short value, remembered."""
    if len(text) <= WIDTH and text[:1] != "." and _PLAIN.fullmatch(text):
        return text.encode()
    return encoded(text)


def _line(line: str) -> bytes:
    if len(line) <= WIDTH and line[:1] != "." and _PLAIN.fullmatch(line):
        return line.encode()
    out: list[str] = []
    width = 0
    was_blank = True
    for character in line:
        octets = character.encode()
        unit, blank = "", False
        if len(octets) == 1 and octets[0] in _LITERAL and not (character == "." and width == 0):
            unit = character
        elif character == " " and not was_blank:
            unit, blank = " ", True
        else:
            unit = "".join(f"={octet:02X}" for octet in octets)
        if width + len(unit) > WIDTH:
            # A blank may stand before the soft break, as the line does not end with it.
            out.append("=\r\n")
            width = 0
            if unit == ".":
                unit = "=2E"
        out.append(unit)
        width += len(unit)
        was_blank = blank
    if out and out[-1] == " ":
        out[-1] = "=20"
        if width + 2 > WIDTH:
            out.insert(-1, "=\r\n")
    return "".join(out).encode()

"""In which encoding a stranger's file is, judged by a sample. Pure.

A byte order mark decides; then zeros where UTF-16 has them; then whether it is UTF-8, which other text is by accident
hardly ever. What is left is of one byte a letter or of an Asian encoding: the Western one where the letters look like
that, else charset-normalizer's guess among those that people still save files in.
"""

from typing import NamedTuple

import charset_normalizer

MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
"""The longer one of UTF-32 stands before UTF-16's, with which it begins."""

OTHERS = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "mac_roman",
    "cp850", "shift_jis", "euc_jp", "euc_kr", "gb18030", "big5",
)  # fmt: skip
"""What charset-normalizer may choose among. In all of them a line feed is the byte 10 and nothing else."""

KNOWN = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin_1", *OTHERS)
"""All that a file may be said to be in."""

WESTERN = frozenset(
    "äöüÄÖÜßéèêëÉÈÊàâáãåÀÂÁÃÅçÇñÑíìîïÍóòôõÓÔúùûÚøØæÆœŒ€\u2019\u2018\u201c\u201d\u2013\u2014…«»¿¡°²³ºª®™ \u00b4"
)
"""Letters and signs of the languages that Windows-1252 is made for."""

UNDEFINED_IN_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")

MOST_GUESSED_BY = 16_384
"""Bytes that charset-normalizer looks at: it takes a second for a megabyte."""

WESTERN_SHARE = 0.95
ZEROS_SHARE = 0.3


class Encoding(NamedTuple):
    """An encoding, as Python calls it, and the length of the mark before the text."""

    name: str
    mark_bytes: int = 0


def encoding_of(sample: bytes) -> Encoding:
    """Return the encoding of the file that begins with `sample` (or has it, for all but the mark)."""
    for mark, name in MARKS:
        if sample.startswith(mark):
            return Encoding(name, len(mark))
    wide = _wide(sample)
    if wide is not None:
        return Encoding(wide)
    if _is_utf8(sample):
        return Encoding("utf-8")
    return Encoding(_of_one_byte(sample))


def _wide(sample: bytes) -> str | None:
    """Return which UTF-16 it is, by the zeros beside each Latin letter."""
    pairs = len(sample) // 2
    if not pairs:
        return None
    low, high = sample[1::2].count(0), sample[0::2].count(0)
    if low > ZEROS_SHARE * pairs and high < low / 4:
        return "utf-16-le"
    if high > ZEROS_SHARE * pairs and low < high / 4:
        return "utf-16-be"
    return None


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # The sample may end in the middle of a letter; and one line that is broken does not make it another encoding.
        return error.start >= len(sample) - 3 or _mostly_utf8(sample)
    return True


def _mostly_utf8(sample: bytes) -> bool:
    """Whether there are letters of UTF-8, ten for each byte that is none: some line was pasted in from elsewhere."""
    text = sample.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    letters = sum(letter > "\x7f" for letter in text) - broken
    return letters > 10 * broken


def _of_one_byte(sample: bytes) -> str:
    lines = b"\n".join(line for line in sample.splitlines() if not line.isascii())[:MOST_GUESSED_BY]
    high = [letter for letter in lines.decode("cp1252", errors="replace") if letter > "\x7f"]
    undefined = not UNDEFINED_IN_1252.isdisjoint(lines)
    if not undefined and sum(letter in WESTERN for letter in high) >= WESTERN_SHARE * len(high):
        return "cp1252"
    best = charset_normalizer.from_bytes(lines, cp_isolation=list(OTHERS)).best()
    if best is not None:
        return str(best.encoding)
    return "latin_1" if undefined else "cp1252"

"""A text with slots: what is the same for everybody, and where something of the recipient's goes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Slot(NamedTuple):
    """Where a value goes; `fallback` stands there where the value is missing or empty."""

    name: str
    fallback: str = ""

    def value(self, values: Mapping[str, str]) -> str:
        """Return what goes here."""
        return values.get(self.name) or self.fallback


Parts = Sequence[str | Slot]
"""The text, in the order of reading."""


def filled(parts: Parts, values: Mapping[str, str]) -> str:
    """Return the text with its slots filled in."""
    return "".join(part.value(values) if isinstance(part, Slot) else part for part in parts)


def joined(parts: Parts) -> list[str | Slot]:
    """Return the same text with no two strings next to each other."""
    out: list[str | Slot] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        else:
            out.append(part)
    return out

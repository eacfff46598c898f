"""Ids, tokens and chance that are the same for the same seed."""

import random  # noqa: TID251 - a test's chance is seeded
from uuid import UUID

_MILLISECOND = 1_750_000_000_000


class SeededIds:
    """Version 7 ids that grow, tokens and fractions: all of them a function of the seed and of the calls so far."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a test's chance is seeded
        self._made = 0

    def new(self) -> UUID:
        """Return the next UUIDv7."""
        self._made += 1
        bits = self._random.getrandbits(74)
        value = ((_MILLISECOND + self._made) << 80) | (0x7 << 76) | ((bits >> 62) << 64) | (0b10 << 62)
        return UUID(int=value | (bits & ((1 << 62) - 1)))

    def token(self) -> str:
        """Return the next token: 24 characters, as real ones have."""
        return f"{self._random.getrandbits(96):024x}"

    def fraction(self) -> float:
        """Return the next number in [0, 1)."""
        return self._random.random()

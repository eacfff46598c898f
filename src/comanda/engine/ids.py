"""Ids, tokens and chance, as things that are handed in.

Ids are UUIDv7 (RFC 9562): they sort by the time of their making, so that an index on them grows at
its right-hand end. Tokens cannot be guessed and carry no time.
"""

import random  # noqa: TID251 - the one place where chance comes from
import secrets
from typing import Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

TOKEN_BYTES = 18
"""Random bytes in a token: 144 bits, 24 characters of URL-safe base64."""


class Ids(Protocol):
    """Where ids, tokens and chance come from."""

    def new(self) -> UUID:
        """Return a new UUIDv7."""
        ...

    def token(self) -> str:
        """Return a new unguessable token of URL-safe characters."""
        ...

    def fraction(self) -> float:
        """Return a random number in [0, 1), for jitter; not for secrets."""
        ...


class RandomIds:
    """Ids from the machine's random source."""

    def __init__(self) -> None:
        self._random = random.Random()  # noqa: S311 - jitter only; tokens come from secrets

    def new(self) -> UUID:
        """Return a new UUIDv7."""
        return uuid7()

    def token(self) -> str:
        """Return a new token from the operating system's secure source."""
        return secrets.token_urlsafe(TOKEN_BYTES)

    def fraction(self) -> float:
        """Return a random number in [0, 1)."""
        return self._random.random()

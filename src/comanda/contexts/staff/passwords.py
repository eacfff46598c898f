"""Passwords: argon2id, off the event loop, and taking as long for unknown accounts as for known ones."""

import asyncio
import unicodedata

import argon2

from comanda.engine.errors import FieldError, Refused

MIN_LENGTH = 10
MAX_LENGTH = 256

MEMORY_KIB = 19 * 1024
PASSES = 2
AT_ONCE = 2
"""OWASP's second setting for argon2id; with at most two at a time, sign-ins cost at most 38 MiB and two cores."""


class Passwords:
    """Hashes and checks passwords in threads; argon2 releases the interpreter's lock while it works."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the password's hash, salt and cost included."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password; where there is no hash, the answer is no and comes no sooner."""
        async with self._slots:
            if self._decoy is None:
                # Not at the start: few processes ever see a sign-in, and each would hash for nothing.
                self._decoy = await asyncio.to_thread(self._hasher.hash, "the password of nobody")
            right = await asyncio.to_thread(self._verify, _normal(password), password_hash or self._decoy)
        return right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def check_new_password(password: str, *, field: str = "password") -> None:
    """Raise `Refused` when the password is too short or too long to be one. There are no rules for its characters."""
    message = ""
    if len(password) < MIN_LENGTH:
        message = f"A password has {MIN_LENGTH} characters at least. A sentence is a good one."
    elif len(password) > MAX_LENGTH:
        message = f"A password has {MAX_LENGTH} characters at most."
    elif len(set(password)) < 4:  # noqa: PLR2004 - "aaaaaaaaaa" and "1212121212"
        message = "This password repeats itself. A sentence is a good one."
    if message:
        raise Refused(message, kind="invalid", code="weak-password", fields=[FieldError(field, message)])


def _normal(password: str) -> str:
    """Return the password in one form, whichever way a keyboard writes its accents (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password[: MAX_LENGTH * 4])

"""Keyed hashes and short sealed tokens, each for a purpose of its own.

BLAKE2b in its keyed mode (RFC 7693), which is a MAC as it stands, with the purpose as its personalisation, so that what
was made for one purpose proves nothing for another.
"""

import base64
import binascii
import hashlib
import secrets

SEAL_BYTES = 16
"""Bytes of a hash that are kept: 128 bits."""


class Seals:
    """Makes and checks keyed hashes.

    Args:
        secret: at least 32 bytes, the same in all processes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:  # noqa: PLR2004 - as strong as the hash is wide
            raise ValueError("The secret needs at least 32 bytes.")
        self._key = hashlib.blake2b(secret, digest_size=hashlib.blake2b.MAX_KEY_SIZE).digest()
        self._purposes: dict[str, bytes] = {}

    def hash(self, purpose: str, content: bytes) -> bytes:
        """Return the keyed hash of `content`, `SEAL_BYTES` long."""
        person = self._purposes.get(purpose)
        if person is None:
            size = hashlib.blake2b.PERSON_SIZE
            person = self._purposes[purpose] = hashlib.blake2b(purpose.encode(), digest_size=size).digest()
        return hashlib.blake2b(content, digest_size=SEAL_BYTES, key=self._key, person=person).digest()

    def token(self, purpose: str, content: bytes, *, bound_to: bytes = b"") -> str:
        """Return a URL-safe token that carries `content` and cannot be made without the secret.

        `bound_to` is not in the token; it must be given again, the same, to open it.
        """
        sealed = content + self.hash(purpose, content + bound_to)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, purpose: str, token: str, *, bound_to: bytes = b"") -> bytes | None:
        """Return the content of a token that `token` made for the same purpose and binding; else None."""
        try:
            sealed = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        content, seal = sealed[:-SEAL_BYTES], sealed[-SEAL_BYTES:]
        if len(seal) != SEAL_BYTES or not secrets.compare_digest(seal, self.hash(purpose, content + bound_to)):
            return None
        return content

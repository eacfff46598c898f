"""Keyed hashes and short sealed tokens, each for a purpose of its own.

HMAC-SHA-256 (RFC 2104) with a sub-key per purpose, so that what was made for one purpose proves nothing for another.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

SEAL_BYTES = 16
"""Bytes of a hash that are kept: 128 bits."""


class Seals:
    """Makes and checks keyed hashes.

    Args:
        secret: at least 32 bytes, the same in all processes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:  # noqa: PLR2004 - the length of SHA-256's output, as RFC 2104 advises
            raise ValueError("The secret needs at least 32 bytes.")
        self._secret = secret
        self._keys: dict[str, hmac.HMAC] = {}

    def hash(self, purpose: str, content: bytes) -> bytes:
        """Return the keyed hash of `content`, `SEAL_BYTES` long."""
        started = self._keys.get(purpose)
        if started is None:
            key = hmac.new(self._secret, purpose.encode(), hashlib.sha256).digest()
            started = self._keys[purpose] = hmac.new(key, digestmod=hashlib.sha256)
        copy = started.copy()
        copy.update(content)
        return copy.digest()[:SEAL_BYTES]

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

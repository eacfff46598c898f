"""Values that leave the house and come back unchanged: signed with a key of their own purpose."""

import base64
import binascii
import hashlib
import hmac

MAC_BYTES = 20
"""Bytes kept of each HMAC-SHA-256: 160 bits."""


class Signer:
    """Signs values for one purpose, so that what was signed for another is not taken here.

    Args:
        secret: the installation's secret, 16 bytes at least.
        purpose: a fixed name, such as `cart`.
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        if len(secret) < 16:  # noqa: PLR2004 - told in the docstring and in the message
            raise ValueError("The secret must have 16 bytes at least.")
        self._key = hmac.new(secret, b"comanda " + purpose.encode(), hashlib.sha256).digest()

    def mac(self, value: bytes) -> str:
        """Return the value's signature, URL-safe."""
        return _encode(hmac.digest(self._key, value, "sha256")[:MAC_BYTES])

    def matches(self, value: bytes, mac: str) -> bool:
        """Whether `mac` is the value's signature; takes the same time whatever it is."""
        return hmac.compare_digest(self.mac(value).encode(), mac.encode("utf-8", "replace"))

    def sign(self, value: bytes) -> str:
        """Return the value with its signature as one URL-safe text."""
        return f"{_encode(value)}.{self.mac(value)}"

    def read(self, text: str) -> bytes | None:
        """Return the value that was signed, or None when the text is not what `sign` returned."""
        encoded, _, mac = text.partition(".")
        try:
            value = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except (binascii.Error, ValueError):
            return None
        return value if self.matches(value, mac) else None


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

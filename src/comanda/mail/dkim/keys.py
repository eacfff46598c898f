"""Private keys for signing: RSA and Ed25519 (RFC 8463), out of a PEM file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from comanda.engine.errors import SettingError

LEAST_BITS = 1024
"""Of an RSA key: verifiers need not look at shorter ones (RFC 8301). 2048 is what to make today."""


@dataclass(frozen=True)
class DkimKey:
    """A private key and the algorithm that goes with it."""

    private: RSAPrivateKey | Ed25519PrivateKey
    algorithm: Literal["rsa-sha256", "ed25519-sha256"]


def read_key(pem: bytes, where: str) -> DkimKey:
    """Return the key in a PEM text that was found at `where`; raises `SettingError`, which never shows the text."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingError(
            f"{where} holds no private key that can be used: it must be PEM, RSA or Ed25519, without a password. "
            f"`openssl genrsa -out dkim.pem 2048` makes one."
        ) from error
    if isinstance(private, Ed25519PrivateKey):
        return DkimKey(private, "ed25519-sha256")
    if not isinstance(private, RSAPrivateKey):
        raise SettingError(f"{where} holds a key of another kind than RSA or Ed25519.")
    if private.key_size < LEAST_BITS:
        raise SettingError(
            f"{where} holds an RSA key of {private.key_size} bits; receivers want {LEAST_BITS} at least."
        )
    return DkimKey(private, "rsa-sha256")


def load_key(path: Path) -> DkimKey:
    """Return the key in a file; raises `SettingError`."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise SettingError(f"The DKIM key {path} cannot be read: {error.strerror or error}.") from error
    return read_key(pem, str(path))

"""The secret of an installation, made at its first start and kept in its data directory for its owner alone."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from comanda.engine.errors import SettingError
from comanda.settings import Settings

SECRET_FILE = "secret"  # noqa: S105 - the file's name
SECRET_BYTES = 32


def installation_secret(settings: Settings) -> bytes:
    """Return the installation's secret: the setting's, or else the data directory's, made where it is missing.

    Two processes that ask at once get the same. Raises `SettingError` when the file cannot be read or written.
    """
    if settings.secret:
        return settings.secret.encode()
    path = settings.data / SECRET_FILE
    try:
        if not path.exists():
            _make(path)
        return path.read_bytes()
    except OSError as error:
        raise SettingError(
            f"The secret in {path} cannot be read or made ({error.strerror}): give this user the right to, or set "
            "COMANDA_SECRET."
        ) from error


def derived_secret(settings: Settings, purpose: str) -> str:
    """Return a secret of its own for `purpose`, the same in every process of the installation."""
    key = installation_secret(settings)
    return hmac.digest(key, b"comanda derived " + purpose.encode(), hashlib.sha256).hex()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{SECRET_FILE}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, not a rename: whoever comes second must not replace what the first has already used.
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()

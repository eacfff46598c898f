"""The setting `COMANDA_RETURNS_URL`: from a URL to the service that takes what comes back.

`smtp://HOST:PORT`   listen there for what mail servers send; `?complaints=abuse,fbl` names further local parts
"""

from urllib.parse import parse_qsl, urlsplit

from comanda.engine.errors import SettingError
from comanda.engine.service import Service
from comanda.mail.returns.listener import ReturnsListener
from comanda.mail.returns.marks import Marks
from comanda.mail.returns.taking import Take

EXAMPLE = "write smtp://0.0.0.0:25 to listen there, or nothing"

COMPLAINTS = ("abuse", "fbl")
"""Local parts to which complaints come, where the URL names none."""


def returns_from_url(url: str, *, marks: Marks, take: Take) -> Service | None:
    """Return the service that a returns URL names, not started; None for an empty one.

    Raises `SettingError` with a sentence that says what to write, and that shows no password.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingError(f"The returns URL cannot be read; {EXAMPLE}.") from error
    if parts.scheme in ("imap", "imaps"):
        raise SettingError(f"Reading returned mails from an IMAP mailbox is not built yet; {EXAMPLE}.")
    if parts.scheme != "smtp":
        raise SettingError(f"The returns URL names no way to take returned mails; {EXAMPLE}.")
    if not parts.hostname or port is None or "@" in parts.netloc or parts.path not in ("", "/"):
        raise SettingError(f"The returns URL smtp:// names a host and a port, and nothing else; {EXAMPLE}.")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    complaints = query.pop("complaints", None)
    if query:
        raise SettingError(f"The returns URL does not know {min(query)}; it knows complaints.")
    named = COMPLAINTS if complaints is None else tuple(name for name in complaints.split(",") if name)
    return ReturnsListener(host=parts.hostname, port=port, marks=marks, take=take, complaints=named)

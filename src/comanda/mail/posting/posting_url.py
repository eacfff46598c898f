"""From a mail URL to the post office that campaigns are sent by. The URLs are those of `mail_url.py`."""

from pathlib import Path
from urllib.parse import urlsplit

from comanda.engine.errors import SettingError
from comanda.mail.mail_url import smtp_server_of
from comanda.mail.pipeline import Server
from comanda.mail.posting.office import PostOffice


def posting_from_url(url: str, folder: Path) -> PostOffice:
    """Return the post office that a mail URL names; its journals go into `folder`. Raises `SettingError`."""
    if urlsplit(url).scheme == "ses":
        raise SettingError("Sending through SES (ses://) is not built yet; use its SMTP endpoint with smtp://.")
    found = smtp_server_of(url)
    server = Server(
        host=found.host,
        port=found.port,
        user=found.user,
        password=found.password,
        tls=found.tls,
        ca_file=found.ca_file,
    )
    return PostOffice(server, folder, connections=found.connections)

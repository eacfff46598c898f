"""From the setting `COMANDA_MAIL_URL` to a post office: the forms are those of `comanda.mail.mail_url`."""

from pathlib import Path
from urllib.parse import SplitResult

from comanda.engine.errors import SettingError
from comanda.mail.mail_url import mailbox_address, no_way, smtp_server, split
from comanda.mail.pipeline import Server
from comanda.mail.posting.office import PostOffice

MAILBOX_CONNECTIONS = 4


def posting_from_url(url: str, folder: Path) -> PostOffice:
    """Return the post office that a mail URL names.

    Args:
        url: see `comanda.mail.mail_url`. Of a mailbox, the SMTP port is used.
        folder: for the journals of this machine's processes.

    Raises:
        SettingError: a sentence that says what to write instead.
    """
    parts = split(url)
    match parts.scheme:
        case "mailbox":
            host, port, _ = mailbox_address(parts)
            return PostOffice(Server(host=host, port=port, tls="none"), folder, connections=MAILBOX_CONNECTIONS)
        case "smtp" | "smtps":
            return _over_smtp(parts, folder)
        case "ses":
            raise SettingError("Campaigns through SES (ses://) are not built yet; use its SMTP endpoint with smtp://.")
        case _:
            raise no_way(url)


def _over_smtp(parts: SplitResult, folder: Path) -> PostOffice:
    named = smtp_server(parts)
    server = Server(
        host=named.host,
        port=named.port,
        user=named.user,
        password=named.password,
        tls=named.tls,
        ca_file=named.ca_file,
        # With a password the URL gets `required` unless it says otherwise itself: then that is its author's wish.
        password_in_the_clear=named.tls in {"if_offered", "none"},
    )
    return PostOffice(server, folder, connections=named.connections)

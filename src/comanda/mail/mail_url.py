"""The setting `COMANDA_MAIL_URL`: from a URL to a mailer.

`mailbox:`                                  the built-in mailbox at its default ports on this machine
`mailbox://HOST:SMTP_PORT?http=HTTP_PORT`   the built-in mailbox elsewhere
`smtp://[USER:PASSWORD@]HOST[:25]`          SMTP; `?starttls=required|if_offered|no`, `?ca=FILE`, `?connections=N`
`smtps://[USER:PASSWORD@]HOST[:465]`        SMTP over TLS

With a password STARTTLS is required unless the URL says otherwise, so that the password never travels in the clear by
accident. User and password are percent-encoded.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from comanda.engine.errors import SettingError
from comanda.mail.mailbox.mailer import MailboxMailer
from comanda.mail.mailbox.ports import DEFAULT_HTTP_PORT, DEFAULT_SMTP_PORT
from comanda.mail.mailer import Mailer
from comanda.mail.smtp import SmtpMailer, SmtpServer, Tls

EXAMPLE = "write mailbox: or smtp://user:password@host:587?starttls=required"

STARTTLS: Mapping[str, Tls] = {"required": "required", "if_offered": "if_offered", "no": "none"}

MOST_CONNECTIONS = 64


def from_url(url: str) -> Mailer:
    """Return the mailer that a mail URL names. Raises `SettingError` with a sentence that says what to write."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingError(f"The mail URL {_shown(url)} cannot be read ({error}); {EXAMPLE}.") from error
    match parts.scheme:
        case "mailbox":
            query = _query(parts, {"http"})
            return MailboxMailer(
                host=parts.hostname or "127.0.0.1",
                smtp_port=port or DEFAULT_SMTP_PORT,
                http_port=_number(query.get("http", str(DEFAULT_HTTP_PORT)), "http", 65535),
            )
        case "smtp" | "smtps":
            return SmtpMailer(_server(parts, port))
        case "ses":
            raise SettingError("Sending through SES (ses://) is not built yet; use its SMTP endpoint with smtp://.")
        case _:
            raise SettingError(f"The mail URL {_shown(url)} names no way to send mail; {EXAMPLE}.")


def smtp_server_of(url: str) -> SmtpServer:
    """Return the SMTP server that a mail URL names, the built-in mailbox's included. Raises `SettingError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingError(f"The mail URL {_shown(url)} cannot be read ({error}); {EXAMPLE}.") from error
    if parts.scheme == "mailbox":
        return SmtpServer(host=parts.hostname or "127.0.0.1", port=port or DEFAULT_SMTP_PORT, tls="none")
    if parts.scheme not in {"smtp", "smtps"}:
        raise SettingError(f"The mail URL {_shown(url)} names no way to send mail; {EXAMPLE}.")
    return _server(parts, port)


def _server(parts: SplitResult, port: int | None) -> SmtpServer:
    if not parts.hostname:
        raise SettingError(f"The mail URL names no host; {EXAMPLE}.")
    query = _query(parts, {"starttls", "ca", "connections"})
    implicit = parts.scheme == "smtps"
    starttls = query.get("starttls", "required" if parts.username else "if_offered")
    if starttls not in STARTTLS or (implicit and "starttls" in query):
        raise SettingError("In the mail URL starttls is required, if_offered or no, and smtps:// goes without it.")
    ca_file = query.get("ca")
    if ca_file is not None and not Path(ca_file).is_file():
        raise SettingError(f"The mail URL's ca={ca_file} is not a file; name a PEM file of certificates.")
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if implicit else 25),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls="implicit" if implicit else STARTTLS[starttls],
        ca_file=ca_file,
        connections=_number(query.get("connections", "4"), "connections", MOST_CONNECTIONS),
    )


def _query(parts: SplitResult, known: set[str]) -> dict[str, str]:
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(query.keys() - known)
    if unknown:
        raise SettingError(f"The mail URL does not know {unknown[0]}; it knows {', '.join(sorted(known))}.")
    return query


def _number(value: str, name: str, most: int) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
        raise SettingError(f"In the mail URL {name} is a number from 1 to {most}, not {value!r}.")
    return int(value)


def _shown(url: str) -> str:
    """Return the URL without what may be a password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if "@" in rest else url

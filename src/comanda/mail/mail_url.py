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
    parts = split(url)
    match parts.scheme:
        case "mailbox":
            host, smtp_port, http_port = mailbox_address(parts)
            return MailboxMailer(host=host, smtp_port=smtp_port, http_port=http_port)
        case "smtp" | "smtps":
            return SmtpMailer(smtp_server(parts))
        case "ses":
            raise SettingError("Sending through SES (ses://) is not built yet; use its SMTP endpoint with smtp://.")
        case _:
            raise no_way(url)


def split(url: str) -> SplitResult:
    """Return the parts of a mail URL, its port among them a number. Raises `SettingError`."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise SettingError(f"The mail URL {_shown(url)} cannot be read ({error}); {EXAMPLE}.") from error
    return parts


def no_way(url: str) -> SettingError:
    """Return the error of a URL whose scheme is none of ours."""
    return SettingError(f"The mail URL {_shown(url)} names no way to send mail; {EXAMPLE}.")


def mailbox_address(parts: SplitResult) -> tuple[str, int, int]:
    """Return host, SMTP port and HTTP port of the built-in mailbox. Raises `SettingError`."""
    query = query_of(parts, {"http"})
    http_port = _number(query.get("http", str(DEFAULT_HTTP_PORT)), "http", 65535)
    return parts.hostname or "127.0.0.1", parts.port or DEFAULT_SMTP_PORT, http_port


def smtp_server(parts: SplitResult) -> SmtpServer:
    """Return the server that an `smtp:` or `smtps:` URL names. Raises `SettingError`."""
    if not parts.hostname:
        raise SettingError(f"The mail URL names no host; {EXAMPLE}.")
    query = query_of(parts, {"starttls", "ca", "connections"})
    implicit = parts.scheme == "smtps"
    starttls = query.get("starttls", "required" if parts.username else "if_offered")
    if starttls not in STARTTLS or (implicit and "starttls" in query):
        raise SettingError("In the mail URL starttls is required, if_offered or no, and smtps:// goes without it.")
    ca_file = query.get("ca")
    if ca_file is not None and not Path(ca_file).is_file():
        raise SettingError(f"The mail URL's ca={ca_file} is not a file; name a PEM file of certificates.")
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or (465 if implicit else 25),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls="implicit" if implicit else STARTTLS[starttls],
        ca_file=ca_file,
        connections=_number(query.get("connections", "4"), "connections", MOST_CONNECTIONS),
    )


def query_of(parts: SplitResult, known: set[str]) -> dict[str, str]:
    """Return what stands behind the question mark. Raises `SettingError` for a name that is not known."""
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

"""The settings: what an operator may choose, with defaults that need nothing beside this program.

Each field is the environment variable `COMANDA_` and its name in capitals; `environment.py` reads them. The text of a
field says what to write there: it ends the sentence in which a wrong value is told, and fills the README's table.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
"""Hosts to listen on that are no address to go to."""

Port = Annotated[int, Meta(ge=0, le=65535, description="a port from 1 to 65535, such as 8000")]
Processes = Annotated[int, Meta(ge=1, le=64, description="a number from 1 to 64")]
Duration = Annotated[timedelta, Meta(description="a duration such as 90s, 30m, 2h or 7d")]


def _url(default: str, *others: str) -> Meta:
    starts = "|".join(other.replace("+", r"\+").partition("…")[0] for other in (default, *others))
    return Meta(pattern=f"^({starts})", description=" or ".join((default, *others)))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen for this process.

    Attributes:
        data: the data directory: the embedded database, files, secrets.
        database_url: where the database is; `embedded:` is a PostgreSQL of our own in the data directory.
        database_port: where the embedded PostgreSQL listens on 127.0.0.1 too, for other programs; 0 is nowhere.
        database_connections: the most that one process opens.
        events_url: what carries events to the lanes; `postgres:` is the log itself.
        events_keep: how long a day of the log stays after its end; it goes once every consumer has read it.
        events_archive: whether such a day is stored as Parquet at the files URL first; needs `comanda[archive]`.
        cache_url: where what was read is kept.
        files_url: where files are stored; `file:` is a folder in the data directory.
        mail_url: how mail is sent; `mailbox:` is the built-in mailbox, which `comanda up` starts.
        mail_from: the sender of the mails.
        campaigns_url: how campaigns are sent; empty is as all mail is.
        campaigns_from: the sender of campaigns, where a restaurant has named none: another than that of receipts.
        campaigns_rates: how fast campaigns go at most, over all workers; empty is as fast as the server takes them.
        campaigns_lost_after: how long a machine may be silent until what it had in flight counts as uncertain.
        dkim_key: the private key with which campaigns are signed; empty is not at all.
        dkim_selector: under which name the public key stands in the sender's DNS.
        returns_url: where bounces and complaints come in; empty is nowhere.
        payments_url: who charges; `sandbox:` is the built-in provider, which `comanda up` starts.
        payments_key: the provider's secret key; the sandbox's is made from the installation's secret.
        payments_webhook_secret: what its webhooks are signed with; likewise.
        host: where the web processes listen.
        port: where the web processes listen; 0 is any free one.
        public_url: where guests reach us, for links in mails; empty is `http://host:port`.
        sandbox_port: where `comanda up` puts the sandbox provider; 0 is any free one.
        mailbox_port: where it puts the mailbox's page; 0 is any free one.
        smtp_port: where it puts the mailbox's SMTP server; 0 is any free one.
        web_processes: how many `comanda up` starts.
        worker_processes: how many `comanda up` starts.
        lease: how long a worker that hangs may hold its share of the work up, before others take it over.
        idempotency_keep: how long the answer to a request is kept under its key.
        form_window: how long the same form counts as the same order.
        secret: the installation's secret; empty is one of its own in the data directory. Processes on several
            machines need the same.
        metrics_token: what Prometheus has to bring to `/metrics`; empty lets in nobody but this machine.
        log: how logs are written; `text` is for people, `json` for machines.
        traces_url: who records traces; `off:` is nobody.
    """

    data: Annotated[Path, Meta(description="a folder, such as .data")] = Path(".data")
    database_url: Annotated[str, _url("embedded:", "postgresql://…", "postgres://…")] = "embedded:"
    database_port: Port = 0
    database_connections: Annotated[int, Meta(ge=2, le=1000, description="a number from 2 to 1000")] = 16
    events_url: Annotated[str, _url("postgres:", "kafka://…", "sns+sqs://…")] = "postgres:"
    events_keep: Duration = timedelta(days=7)
    events_archive: Annotated[str, Meta(pattern="^(off|on)$", description="off or on")] = "off"
    cache_url: Annotated[str, _url("memory:")] = "memory:"
    files_url: Annotated[str, _url("file:")] = "file:"
    mail_url: Annotated[str, _url("mailbox:", "smtp://…", "smtps://…")] = "mailbox:"
    mail_from: Annotated[str, Meta(min_length=3, pattern="@", description="an address, such as orders@example.com")] = (
        "Comanda <orders@localhost>"
    )
    campaigns_url: Annotated[
        str,
        Meta(
            pattern="^$|^(mailbox:|smtps?://.|ses://.)",
            description="empty, smtp://…, smtps://… or ses://region",
        ),
    ] = ""
    campaigns_from: Annotated[
        str, Meta(min_length=3, pattern="@", description="an address, such as news@example.com")
    ] = "Comanda <news@localhost>"
    campaigns_rates: Annotated[
        str,
        Meta(
            pattern=r"^([a-z0-9.-]+=[0-9]+(,[a-z0-9.-]+=[0-9]+)*)?$",
            description="mails per second such as all=500,sender=200,domain=50,gmail.com=20",
        ),
    ] = ""
    campaigns_lost_after: Duration = timedelta(minutes=15)
    dkim_key: Annotated[str, Meta(description="a PEM file, such as /etc/comanda/dkim.pem")] = ""
    dkim_selector: Annotated[str, Meta(min_length=1, description="a DNS label, such as comanda")] = "comanda"
    returns_url: Annotated[
        str,
        Meta(
            pattern="^$|^(smtp|imaps?)://.",
            description="empty, smtp://host:port to listen on or imaps://user:password@host/INBOX to read",
        ),
    ] = ""
    payments_url: Annotated[str, _url("sandbox:", "stripe:…")] = "sandbox:"
    payments_key: Annotated[str, Meta(description="the provider's secret key, such as sk_live_…")] = ""
    payments_webhook_secret: Annotated[str, Meta(description="what the provider signs webhooks with: whsec_…")] = ""
    host: Annotated[str, Meta(min_length=1, description="an address to listen on, such as 127.0.0.1 or 0.0.0.0")] = (
        "127.0.0.1"
    )
    port: Port = 8000
    public_url: Annotated[str, Meta(pattern="^(https?://.+)?$", description="an address that starts with https://")] = (
        ""
    )
    sandbox_port: Port = 8001
    mailbox_port: Port = 8026
    smtp_port: Port = 8025
    web_processes: Processes = 2
    worker_processes: Processes = 1
    lease: Duration = timedelta(seconds=10)
    idempotency_keep: Duration = timedelta(hours=24)
    form_window: Duration = timedelta(hours=2)
    secret: Annotated[str, Meta(pattern="^(.{32,})?$", description="at least 32 characters that nobody can guess")] = ""
    metrics_token: Annotated[
        str, Meta(pattern="^([!-~]{16,})?$", description="at least 16 characters that nobody can guess")
    ] = ""
    log: Annotated[str, Meta(pattern="^(text|json)$", description="text or json")] = "text"
    traces_url: Annotated[str, _url("off:", "otlp+http://…", "otlp+https://…")] = "off:"

    @property
    def address(self) -> str:
        """Where guests reach us: `public_url`, or else the web processes' own address."""
        host = "localhost" if self.host in EVERYWHERE else self.host
        host = f"[{host}]" if ":" in host else host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

"""TLS and log-in, against aiosmtpd with a certificate of its own."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from comanda.mail import MailAddress, MailMessage, TemporaryFailure, from_url

MESSAGE = MailMessage(
    sender=MailAddress("orders@example.com"),
    to=(MailAddress("guest@example.com"),),
    subject="Your receipt",
    text="Thank you.",
    message_id="<receipt-1@example.com>",
    date=datetime(2025, 6, 2, tzinfo=UTC),
)
PASSWORD = "p@ss/word: é"
CREDENTIALS = f"me%40example.com:{quote(PASSWORD, safe='')}"


class Certificates:
    """A certificate for `localhost`, and the file of the authority that signed it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority_file))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.context)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates that only this test trusts."""
    return Certificates(tmp_path_factory.mktemp("tls"))


class Handler:
    """Takes mails, and takes note of how each came."""

    def __init__(self) -> None:
        self.accepted: list[tuple[bool, bool]] = []

    async def handle_DATA(self, _server: SMTP, session: Session, _envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep whether the mail came over TLS, and after a log-in."""
        self.accepted.append((session.ssl is not None, bool(session.authenticated)))
        return "250 ok"


def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    """Let in who knows the password."""
    assert isinstance(given, LoginPassword)
    right = (given.login, given.password) == (b"me@example.com", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextlib.asynccontextmanager
async def serving(
    certificates: Certificates | None, *, implicit: bool = False, log_in: bool = False
) -> AsyncIterator[tuple[int, Handler]]:
    """Serve SMTP at a free port; yield the port and the handler."""
    context = None if certificates is None else certificates.context
    handler, loop = Handler(), asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",
            loop=loop,
            tls_context=None if implicit else context,
            auth_required=log_in,
            authenticator=authenticate if log_in else None,
            auth_require_tls=not implicit,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if implicit else None)
    yield server.sockets[0].getsockname()[1], handler
    server.close()


async def send(url: str) -> None:
    """Send the mail over a mailer of that URL."""
    mailer = from_url(url)
    await mailer.start()
    try:
        await mailer.send(MESSAGE)
    finally:
        await mailer.stop()


async def test_starttls_and_log_in(certificates: Certificates) -> None:
    """With a password the mail goes over TLS, after a log-in with whatever characters the password has."""
    async with serving(certificates, log_in=True) as (port, handler):
        await send(f"smtp://{CREDENTIALS}@localhost:{port}?ca={certificates.authority_file}")
        assert handler.accepted == [(True, True)]


async def test_tls_if_offered(certificates: Certificates) -> None:
    """Without a password TLS is used where the server offers it."""
    async with serving(certificates) as (port, handler):
        await send(f"smtp://localhost:{port}?ca={certificates.authority_file}")
        await send(f"smtp://localhost:{port}?starttls=no")
        assert handler.accepted == [(True, False), (False, False)]
    async with serving(None) as (port, handler):
        await send(f"smtp://localhost:{port}")
        assert handler.accepted == [(False, False)]


async def test_tls_from_the_start(certificates: Certificates) -> None:
    """`smtps://` speaks TLS from the first octet."""
    async with serving(certificates, implicit=True) as (port, handler):
        await send(f"smtps://localhost:{port}?ca={certificates.authority_file}")
        assert len(handler.accepted) == 1


async def test_a_password_never_goes_in_the_clear(certificates: Certificates) -> None:
    """A server that does not offer TLS does not get the password, nor does one whose certificate nobody signed."""
    async with serving(None) as (port, handler):
        with pytest.raises(TemporaryFailure):
            await send(f"smtp://{CREDENTIALS}@localhost:{port}")
    async with serving(certificates, log_in=True) as (port, handler):
        with pytest.raises(TemporaryFailure, match="CERTIFICATE_VERIFY_FAILED"):
            await send(f"smtp://{CREDENTIALS}@localhost:{port}")
        assert handler.accepted == []


async def test_a_wrong_password_is_temporary(certificates: Certificates) -> None:
    """A wrong password is the operator's to mend, not the mail's fault: the mail waits."""
    async with serving(certificates, log_in=True) as (port, handler):
        with pytest.raises(TemporaryFailure, match="535"):
            await send(f"smtp://me%40example.com:wrong@localhost:{port}?ca={certificates.authority_file}")
        assert handler.accepted == []

"""Sending by SMTP (RFC 5321), over a few connections that are kept open.

SMTP has no idempotency key: once the message is handed over and the connection breaks before the answer, nobody knows
whether it was accepted. `SmtpMailer` therefore tells exactly where a failure happened. Before the content goes out,
every failure is certain; an idle connection that turns out to be dead is replaced without a word. What concerns the
server and not the message (no connection, TLS, a wrong password) is temporary: once it is put right, the mail goes out.
"""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Literal

import aiosmtplib

from comanda.engine.errors import Unavailable
from comanda.mail.errors import Abandoned, PermanentFailure, TemporaryFailure, Uncertain
from comanda.mail.mailer import Accepted, Fate
from comanda.mail.message import MailMessage

Tls = Literal["implicit", "required", "if_offered", "none"]

MOST_PER_CONNECTION = 100
"""Mails over one connection before it is closed with QUIT: many servers allow no more."""

DONE, GO_AHEAD, NEVER = 2, 3, 5
"""First digits of an answer (RFC 5321, 4.2.1)."""

LOST = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError, TimeoutError)
"""What a broken or silent connection looks like."""


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """Where and how to connect.

    Attributes:
        tls: `implicit` from the first octet; `required` and `if_offered` through STARTTLS.
        ca_file: a PEM file of certificates to trust instead of the system's.
        timeout_s: the longest wait for the answer to a command.
        content_timeout_s: the longest wait for the answer to the content (RFC 5321, 4.5.3.2.6 asks for patience
            here: giving up makes a mail uncertain).
        connections: kept open at most; more mails than that wait for one.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: Tls = "if_offered"
    ca_file: str | None = None
    timeout_s: float = 30.0
    content_timeout_s: float = 120.0
    connections: int = 4


class SmtpMailer:
    """Sends mails to one SMTP server."""

    def __init__(self, server: SmtpServer) -> None:
        self.server = server
        self._free = asyncio.Semaphore(server.connections)
        self._idle: list[_Connection] = []
        self._stopped = False
        self._tls: ssl.SSLContext | None = None

    async def start(self) -> None:
        """Become ready; connections are opened when they are needed."""
        self._stopped = False
        if self._tls is None and self.server.tls != "none":
            self._tls = ssl.create_default_context(cafile=self.server.ca_file)

    async def stop(self) -> None:
        """Say QUIT on idle connections; those in use are closed when their mail is done."""
        self._stopped = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    async def ping(self) -> None:
        """Raise `Unavailable` when the server cannot be connected to and logged into."""
        try:
            connection = await _Connection.open(self.server, self._tls)
        except TemporaryFailure as error:
            raise Unavailable(f"The mail server does not answer: {error}") from error
        await connection.quit()

    async def look_up(self, message_id: str) -> Fate:  # noqa: ARG002 - the port's signature
        """Return `unknown`: SMTP has no way to ask."""
        return "unknown"

    async def send(self, message: MailMessage) -> Accepted:
        """Hand the message over; see `Mailer.send`."""
        content = message.as_bytes()
        async with self._free:
            while self._idle:
                connection = self._idle.pop()
                try:
                    return await self._send_over(connection, message, content)
                except _Stale:
                    continue
            try:
                return await self._send_over(await _Connection.open(self.server, self._tls), message, content)
            except _Stale as error:
                raise TemporaryFailure(f"The connection broke: {error}") from error

    async def _send_over(self, connection: "_Connection", message: MailMessage, content: bytes) -> Accepted:
        reusable = False
        try:
            try:
                answer = await connection.send(message, content)
                reusable = True
            except (TemporaryFailure, PermanentFailure):
                reusable = await connection.reset()
                raise
            return Accepted(answer=answer)
        finally:
            # Also when this task was cancelled: a connection in mid-dialogue is of no use to the next mail.
            if not reusable or self._stopped:
                connection.close()
            elif connection.sent >= MOST_PER_CONNECTION:
                await connection.quit()
            else:
                self._idle.append(connection)


class _Stale(Exception):
    """The connection was gone before the content went out: certainly nothing was accepted."""


class _Connection:
    """One open connection, used by one mail at a time."""

    def __init__(self, client: aiosmtplib.SMTP, server: SmtpServer) -> None:
        self._client = client
        self._server = server
        self.sent = 0

    @classmethod
    async def open(cls, server: SmtpServer, tls: ssl.SSLContext | None) -> "_Connection":
        """Connect, agree on TLS and log in; raises `TemporaryFailure`, for none of this is the message's fault."""
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            timeout=server.timeout_s,
            use_tls=server.tls == "implicit",
            start_tls={"required": True, "if_offered": None}.get(server.tls, False),
            tls_context=tls,
            # Asking the system for our full name can take seconds of DNS.
            local_hostname="comanda.localhost",
        )
        try:
            await client.connect()
            await client.ehlo()
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            raise TemporaryFailure(f"The mail server answered {error.code} {error.message}", code=error.code) from error
        except (aiosmtplib.SMTPException, *LOST) as error:
            client.close()
            raise TemporaryFailure(f"No connection to the mail server {server.host}:{server.port}: {error}") from error
        return cls(client, server)

    async def send(self, message: MailMessage, content: bytes) -> str:
        """Go through MAIL, RCPT and DATA; return the server's last words."""
        await self._envelope(message, len(content))
        await self._command(b"DATA", expected=GO_AHEAD)
        return await self._content(content)

    async def _envelope(self, message: MailMessage, size: int) -> None:
        options = [f"SIZE={size}"] if self._client.supports_extension("size") else []
        if message.needs_smtputf8:
            if not self._client.supports_extension("smtputf8"):
                raise PermanentFailure("The mail server does not take addresses with other letters than ASCII.")
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        await self._command(" ".join([f"MAIL FROM:<{message.sender.wire}>", *options]).encode())
        for recipient in message.recipients:
            await self._command(f"RCPT TO:<{recipient}>".encode())

    async def _command(self, command: bytes, *, expected: int = DONE) -> str:
        try:
            code, text = await self._client.execute_command(command)
        except aiosmtplib.SMTPResponseException as error:
            self.close()
            raise _Stale(f"an answer that is not SMTP: {error.message}") from error
        except (aiosmtplib.SMTPException, *LOST) as error:
            raise _Stale(str(error) or type(error).__name__) from error
        if code // 100 == expected:
            return text
        if code // 100 == NEVER:
            raise PermanentFailure(f"{code} {text}", code=code)
        raise TemporaryFailure(f"{code} {text}", code=code)

    async def _content(self, content: bytes) -> str:
        protocol = self._client.protocol
        if protocol is None:
            raise _Stale("closed")
        try:
            # aiosmtplib's own data() does not tell a connection lost before the content from one lost after it.
            protocol.write(_stuffed(content))
            code, text = await protocol.read_response(timeout=self._server.content_timeout_s)
        except (aiosmtplib.SMTPException, *LOST) as error:
            self.close()
            raise Uncertain(f"The answer to the mail was lost: {error}") from error
        except asyncio.CancelledError as error:
            raise Abandoned("The answer to the mail was not waited for.") from error
        answer = f"{code} {text}"
        match code // 100:
            case 2:
                self.sent += 1
                return answer
            case 4:
                raise TemporaryFailure(answer, code=code)
            case 5:
                raise PermanentFailure(answer, code=code)
            case _:
                self.close()
                raise Uncertain(f"The mail server is out of step: {answer}")

    async def reset(self) -> bool:
        """End a refused mail; return whether the connection can be used for another."""
        try:
            return (await self._client.execute_command(b"RSET")).code // 100 == DONE
        except (aiosmtplib.SMTPException, *LOST):
            return False

    async def quit(self) -> None:
        """Say goodbye and close."""
        with contextlib.suppress(aiosmtplib.SMTPException, *LOST):
            await self._client.quit(timeout=2)
        self.close()

    def close(self) -> None:
        """Close at once."""
        self._client.close()


def _stuffed(content: bytes) -> bytes:
    """Return the content with its leading dots doubled and its end marked (RFC 5321, 4.5.2)."""
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + (b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")

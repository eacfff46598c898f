"""An SMTP server for what comes back: it answers 250 once a bounce or a complaint was taken, and not before.

It is meant to stand at port 25 of the host that the return path's MX names, open to everybody: so it knows no other
recipients than our signed tokens and the complaints addresses, relays nothing, and states a most of everything.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from comanda.mail.returns.marks import Marks
from comanda.mail.returns.reading import read_return
from comanda.mail.returns.taking import Take, matters

log = structlog.get_logger(__name__)

MOST_OCTETS = 4 * 1024 * 1024
"""A larger mail is refused with 552: a report returns our mail whole at worst."""

MOST_LINE_OCTETS = 64 * 1024
"""Reports of sloppy servers hold lines beyond SMTP's 1,000 octets; longer ones than these are refused with 500."""

MOST_CONNECTIONS = 50
"""Who comes beyond them is sent away with 421, and tries later."""

IDLE_S = 60.0
"""A silent connection is closed after this many seconds."""


class ReturnsListener:
    """Takes bounces and complaints by SMTP. A service.

    Args:
        port: to listen at; 0 for a free one.
        marks: which tokens are ours.
        take: called with each bounce and complaint about a mail of ours; the sender hears 250 once it has returned, and
            451 when it raised anything, so that it sends the mail again.
        complaints: addresses to which mailbox providers send complaints (their local parts count, in any case).
        hostname: how the server calls itself.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        marks: Marks,
        take: Take,
        complaints: Sequence[str] = (),
        hostname: str = "returns.comanda.localhost",
    ) -> None:
        self.host = host
        self._port = port
        self._marks = marks
        self._take = take
        self._complaints = frozenset(address.partition("@")[0].lower() for address in complaints)
        self._hostname = hostname
        self._server: asyncio.Server | None = None
        self._turn = asyncio.Lock()
        self._taking: set[asyncio.Task[None]] = set()
        self._open: set[_Connection] = set()

    @property
    def port(self) -> int:
        """Where it listens; after `start` that which was chosen."""
        return self._port

    async def start(self) -> None:
        """Listen."""
        async with self._turn:
            if self._server is not None:
                return
            self._server = await asyncio.get_running_loop().create_server(self._connection, self.host, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, see through what was handed over whole, and hang up."""
        async with self._turn:
            server, self._server = self._server, None
            if server is not None:
                server.close()
        if self._taking:
            await asyncio.wait(self._taking)
            # The handler that waits for it answers in the next turns of the loop.
            for _ in range(5):
                await asyncio.sleep(0)
        for connection in list(self._open):
            connection.hang_up()

    def _connection(self) -> asyncio.Protocol:
        if len(self._open) >= MOST_CONNECTIONS:
            return _Full()
        return _Connection(
            self,
            self._open,
            data_size_limit=MOST_OCTETS,
            enable_SMTPUTF8=True,
            hostname=self._hostname,
            ident="Comanda returns",
            timeout=IDLE_S,
            loop=asyncio.get_running_loop(),
        )

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept who is ours; called by aiosmtpd."""
        if self._marks.read_bounce_address(address) is None and not self._for_complaints(address):
            return "550 5.1.1 Nobody of that name is here"
        if envelope.rcpt_tos:
            # What is said of one must not be answered for another: senders try the others after this one.
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Take the mail; called by aiosmtpd when all of it has come."""
        content: Any = envelope.original_content
        # A task of its own: a sender that hangs up now must not undo half of the taking.
        taking = asyncio.create_task(self._read_and_take(bytes(content or b""), tuple(envelope.rcpt_tos)))
        self._taking.add(taking)
        taking.add_done_callback(self._taking.discard)
        try:
            await asyncio.shield(taking)
        except Exception:
            log.exception("a returned mail was not taken")
            return "451 4.3.0 It cannot be taken now; try again later"
        return "250 2.0.0 Taken"

    async def _read_and_take(self, raw: bytes, recipients: Sequence[str]) -> None:
        returned = read_return(raw, self._marks, recipients)
        if matters(returned):
            await self._take(returned)

    def _for_complaints(self, address: str) -> bool:
        return address.rpartition("@")[0].lower() in self._complaints


class _Connection(SMTP):
    """A connection that is counted, and that can be ended."""

    line_length_limit = MOST_LINE_OCTETS

    def __init__(self, handler: ReturnsListener, counted: "set[_Connection]", **options: Any) -> None:
        super().__init__(handler, **options)
        self._counted = counted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._counted.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._counted.discard(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Send what was answered, and close."""
        if self.transport is not None:
            self.transport.close()


class _Full(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 4.3.2 Too many connections; try again later\r\n")
        transport.close()

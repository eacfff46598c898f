"""The mailbox's SMTP server: it answers 250 when the mail is on the disk, and not before."""

import asyncio
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from comanda.engine.errors import Unavailable
from comanda.mail.mailbox.record import Record

log = structlog.get_logger(__name__)

MOST_OCTETS = 32 * 1024 * 1024
"""A larger mail is refused with 552."""

IDLE_S = 300.0
"""A silent connection is closed after this many seconds."""


class Reception:
    """Accepts every mail for every address, and keeps it. A service.

    Args:
        port: to listen at; 0 for a free one.
    """

    def __init__(self, record: Record, *, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._record = record
        self._server: asyncio.Server | None = None
        self._turn = asyncio.Lock()
        self._keeping: set[asyncio.Task[int]] = set()

    async def start(self) -> None:
        """Listen."""
        async with self._turn:
            if self._server is not None:
                return
            self._server = await asyncio.get_running_loop().create_server(self._connection, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening; what was handed over whole is kept."""
        async with self._turn:
            server, self._server = self._server, None
            if server is not None:
                server.close()
        if self._keeping:
            await asyncio.wait(self._keeping)

    def _connection(self) -> SMTP:
        return SMTP(
            self,
            data_size_limit=MOST_OCTETS,
            enable_SMTPUTF8=True,
            hostname="mailbox.comanda.localhost",
            ident="Comanda mailbox",
            timeout=IDLE_S,
            loop=asyncio.get_running_loop(),
        )

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep the mail; called by aiosmtpd when all of it has come."""
        content: Any = envelope.original_content
        # A task of its own: a client that hangs up now must not undo a mail that has arrived whole.
        keeping = asyncio.create_task(
            self._record.keep(sender=envelope.mail_from or "", recipients=envelope.rcpt_tos, raw=bytes(content or b""))
        )
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        try:
            number = await asyncio.shield(keeping)
        except Unavailable as error:
            log.warning("mail not kept", error=str(error))
            return "451 4.3.0 The mailbox cannot be written now; try again later"
        return f"250 2.0.0 Kept as {number}"

"""The mailbox as one value, and as a process of its own."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn

from comanda.engine.clock import Clock, SystemClock
from comanda.engine.errors import Unavailable
from comanda.engine.service import running
from comanda.mail.mailbox.pages import mailbox_app
from comanda.mail.mailbox.ports import DEFAULT_HTTP_PORT, DEFAULT_SMTP_PORT
from comanda.mail.mailbox.reception import Reception
from comanda.mail.mailbox.record import Record

log = structlog.get_logger(__name__)

FILE = "mailbox.sqlite"
"""The record's name in the data folder."""

STOP_S = 2
"""How long page requests under way may take when the mailbox stops."""


class Mailbox:
    """SMTP server, record and page. A service.

    Args:
        data_dir: where the record lives.
        smtp_port, http_port: 0 for a free one; after `start` they say which.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        smtp_port: int = DEFAULT_SMTP_PORT,
        http_port: int = DEFAULT_HTTP_PORT,
        host: str = "127.0.0.1",
        clock: Clock | None = None,
    ) -> None:
        self.host = host
        self.http_port = http_port
        self.record = Record(data_dir / FILE, clock=clock or SystemClock())
        self._reception = Reception(self.record, host=host, port=smtp_port)
        self._pages: _Pages | None = None
        self._serving: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def smtp_port(self) -> int:
        """Where mails are taken."""
        return self._reception.port

    @property
    def url(self) -> str:
        """The `mailbox:` URL at which a mailer reaches this mailbox."""
        return f"mailbox://{self.host}:{self.smtp_port}?http={self.http_port}"

    async def start(self) -> None:
        """Open the record, then both doors. Raises `Unavailable` when a port is taken."""
        async with self._turn:
            try:
                await self.record.start()
                await self._reception.start()
                await self._open_pages()
            except OSError as error:
                await self._close()
                raise Unavailable(f"The mailbox cannot listen: {error}") from error
            except BaseException:
                await self._close()
                raise

    async def stop(self) -> None:
        """Close the doors, then the record."""
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        await self._reception.stop()
        if self._pages is not None and self._serving is not None:
            self._pages.should_exit = True
            await asyncio.wait({self._serving})
            self._pages = self._serving = None
        await self.record.stop()

    async def _open_pages(self) -> None:
        if self._pages is not None:
            return
        config = uvicorn.Config(
            mailbox_app(self.record),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_S,
            server_header=False,
        )
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server((self.host, self.http_port), family=family)
        self.http_port = listener.getsockname()[1]
        self._pages = _Pages(config)
        self._serving = asyncio.create_task(self._pages.serve(sockets=[listener]), name="mailbox-pages")


class _Pages(uvicorn.Server):
    """uvicorn without its signal handlers: whoever runs the mailbox decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(
    data_dir: Path,
    smtp_port: int = DEFAULT_SMTP_PORT,
    http_port: int = DEFAULT_HTTP_PORT,
    *,
    host: str = "127.0.0.1",
) -> None:
    """Run the mailbox until SIGTERM or SIGINT. Raises `Unavailable` when it cannot start.

    Prints nothing; when it is ready, `GET /healthz` answers 200 and the log has `mailbox ready` with both addresses.
    """
    asyncio.run(_run(Mailbox(data_dir, smtp_port=smtp_port, http_port=http_port, host=host)))


async def _run(mailbox: Mailbox) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with running([mailbox]):
        log.info(
            "mailbox ready",
            smtp=f"{mailbox.host}:{mailbox.smtp_port}",
            pages=f"http://{mailbox.host}:{mailbox.http_port}/",
        )
        await ended.wait()

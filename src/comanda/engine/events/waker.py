"""Waking workers without a NOTIFY in every transaction.

`NOTIFY` takes a lock that is global to the server when its transaction commits, so that writers that notify queue
up behind each other. Here a committed transaction only sets a flag in its process; one loop per process turns
however many flags were set meanwhile into one `NOTIFY`, at most one every `pause_s`. A lost notice costs a
worker's polling interval, nothing else.
"""

import asyncio

import asyncpg
import structlog

from comanda.engine.database.database import UNREACHABLE, Database
from comanda.engine.errors import Unavailable
from comanda.engine.service import Loop, wait_until_set

log = structlog.get_logger(__name__)

CHANNEL = "comanda_events"

TIMERS = "timers"
"""What a notice says when there are new timers; one that says nothing tells that the log has grown."""


class Waker:
    """Tells all workers, soon and seldom, that the log has grown.

    Args:
        database: where to notify; the waker opens a direct connection of its own.
        pause_s: the shortest time between two notices.
    """

    def __init__(self, database: Database, *, pause_s: float = 0.002) -> None:
        self._database = database
        self._pause_s = pause_s
        self._grown = asyncio.Event()
        self._notices: set[str] = set()
        self._loop = Loop("waker", self._run)
        self._connection: asyncpg.Connection | None = None

    def signal(self) -> None:
        """Say that events were committed. Cheap; called after every commit that wrote some."""
        self._notices.add("")
        self._grown.set()

    def signal_timers(self) -> None:
        """Say that timers were committed."""
        self._notices.add(TIMERS)
        self._grown.set()

    async def start(self) -> None:
        """Start the loop."""
        await self._loop.start()

    async def stop(self) -> None:
        """Stop the loop and close the connection."""
        self._grown.set()
        await self._loop.stop()
        self._hang_up()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._grown.wait()
            self._grown.clear()
            notices, self._notices = self._notices, set()
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._database.connect()
                for notice in notices:
                    await self._connection.execute(f"NOTIFY {CHANNEL}, '{notice}'")
            except (*UNREACHABLE, Unavailable) as error:
                # Polling stands behind us; the next commit tries again.
                log.warning("wake-up not sent", error=str(error))
                self._hang_up()
                await wait_until_set(stopping, 0.5)
            except Exception:
                # Nobody would miss it but those who wait for a poll from then on.
                log.exception("wake-ups stumbled")
                self._hang_up()
                await wait_until_set(stopping, 0.5)
            await wait_until_set(stopping, self._pause_s)

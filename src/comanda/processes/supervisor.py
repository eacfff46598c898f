"""The supervisor: everything on one box, started together and ended in order.

The children load their code while the database is made and started, and begin when it is ready: what takes processor
time runs side by side. Ctrl-C or SIGTERM ends all in order: web, workers, provider and mailbox, and the database last.
A supervisor that is killed takes its children along (see `leash`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import structlog

from comanda.engine.clock import Clock
from comanda.engine.errors import ComandaError, SettingError
from comanda.engine.folder_lock import FolderLock
from comanda.environment import as_environ
from comanda.processes.box import Box
from comanda.processes.database_home import embedded_server
from comanda.processes.errand import Errand
from comanda.processes.ports import answers, reachable
from comanda.processes.until_told import end_signals
from comanda.settings import Settings

log = structlog.get_logger(__name__)

READY_POLL_S = 0.02
READY_LIMIT_S = 120.0


class NotReady(ComandaError):
    """What was started does not become ready."""


class Supervisor:
    """Runs one box until it is told to end.

    Args:
        demo: whether an empty database gets the demo restaurant.
        announce: called once all is ready, with the settings as they came to be and what preparing the database told.
    """

    def __init__(
        self, settings: Settings, *, demo: bool, clock: Clock, announce: Callable[[Settings, bytes], None]
    ) -> None:
        self._clock = clock
        self._announce = announce
        self._failed: str | None = None
        self._enough = asyncio.Event()
        self._lock = FolderLock(settings.data.absolute())
        self._box = Box(settings, clock=clock, give_up=self._give_up)
        self._server = embedded_server(settings, self._lock)
        self._errand = Errand("seed", ["seed", "--json", "--first-account", *([] if demo else ["--no-demo"])])

    async def run(self) -> None:
        """Start everything, wait for SIGINT or SIGTERM, stop everything.

        Raises `SettingError` or `Unavailable` when something cannot start; nothing is left running then.
        """
        self._lock.acquire()
        with end_signals(self._enough):
            starting = asyncio.create_task(self._start(), name="starting")
            enough = asyncio.create_task(self._enough.wait(), name="enough")
            try:
                await asyncio.wait({starting, enough}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                await enough
            finally:
                for task in (starting, enough):
                    task.cancel()
                await asyncio.gather(starting, enough, return_exceptions=True)
                await self._stop()
        if self._failed is not None:
            raise SettingError(f"The process {self._failed} cannot start with these settings: see above.")

    async def _start(self) -> None:
        box, server, errand = self._box, self._server, self._errand
        await box.reserve_ports()
        async with asyncio.TaskGroup() as group:
            if server is not None:
                group.create_task(server.start())
            group.create_task(errand.start())
            for child in reversed(box.children):
                group.create_task(child.start())
        if server is not None:
            box.settings = msgspec.structs.replace(box.settings, database_url=server.url)
        settings = as_environ(box.settings)
        await _all(child.let_go(settings) for child in box.helpers)
        prepared = await errand.run(settings)
        await _all(child.let_go(settings) for child in (*box.webs, *box.workers))
        await self._ready()
        self._announce(box.settings, prepared)

    async def _ready(self) -> None:
        host, port = reachable(self._box.settings.host), self._box.settings.port
        deadline = self._clock.monotonic() + READY_LIMIT_S
        while not await answers(host, port, "/readyz"):
            if self._clock.monotonic() > deadline:
                raise NotReady(f"The web processes were not ready after {READY_LIMIT_S:.0f} s: see their log above.")
            await self._clock.sleep(READY_POLL_S)

    async def _stop(self) -> None:
        box = self._box
        await self._errand.stop()
        for group in (box.webs, box.workers, box.helpers):
            await _all(child.stop() for child in group)
        if self._server is not None:
            await self._server.stop()
        box.release_ports()
        self._lock.release()

    def _give_up(self, name: str) -> None:
        self._failed = name
        self._enough.set()


async def _all(work: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*work)

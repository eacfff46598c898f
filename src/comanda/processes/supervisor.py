"""The supervisor: everything on one box, started together and ended in order.

The program is loaded once, in the nursery, while the database is made and started; the children are forks of it.
Ctrl-C or SIGTERM ends all in order: web, workers, provider and mailbox, and the database last. A supervisor that is
killed takes its nursery along, and that its children.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
import structlog

from comanda.engine.clock import Clock
from comanda.engine.errors import ComandaError, SettingError
from comanda.engine.folder_lock import FolderLock
from comanda.environment import as_environ
from comanda.processes.box import Box
from comanda.processes.database_home import embedded_server
from comanda.processes.nursery import Nursery
from comanda.processes.ports import answers, reachable
from comanda.processes.until_told import end_signals
from comanda.settings import Settings

log = structlog.get_logger(__name__)

READY_POLL_S = 0.02
READY_LIMIT_S = 120.0

BAD_SETTINGS = 78
"""Exit status (sysexits' EX_CONFIG) of a process whose settings are wrong: starting it again would not help."""

EARLY_DEATHS_MAX = 4
"""Deaths of children before all was ready for the first time: then it is a fault that starting again does not mend."""


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
        self._is_ready = False
        self._early_deaths = 0
        self._enough = asyncio.Event()
        self._lock = FolderLock(settings.data.absolute())
        self._nursery = Nursery()
        self._box = Box(settings, nursery=self._nursery, clock=clock, hopeless=self._hopeless)
        self._server = embedded_server(settings, self._lock)
        self._seed = ["seed", "--json", "--demo" if demo else "--no-demo"]

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
            raise SettingError(f"The process {self._failed} cannot run: see above.")

    async def _start(self) -> None:
        box, server = self._box, self._server
        await self._nursery.start()
        await box.reserve_ports()
        # They need no database, and come up while it does.
        helping = asyncio.create_task(_all(child.start_with(as_environ(box.settings)) for child in box.helpers))
        try:
            if server is not None:
                await server.start()
                box.settings = msgspec.structs.replace(box.settings, database_url=server.url)
            settings = as_environ(box.settings)
            prepared = await self._prepared(settings)
            await _all(child.start_with(settings) for child in (*box.webs, *box.workers))
        finally:
            await helping
        await self._ready()
        self._is_ready = True
        self._announce(box.settings, prepared)

    async def _prepared(self, settings: Mapping[str, str]) -> bytes:
        """Migrate and fill the database, and return what that told."""
        seeding = await self._nursery.spawn("seed", self._seed, settings, capture=True)
        ended = await seeding.wait()
        if ended.status != 0:
            raise NotReady("The database cannot be prepared: see above.")
        return ended.output.encode()

    async def _ready(self) -> None:
        host, port = reachable(self._box.settings.host), self._box.settings.port
        deadline = self._clock.monotonic() + READY_LIMIT_S
        while not await answers(host, port, "/readyz"):
            if self._clock.monotonic() > deadline:
                raise NotReady(f"The web processes were not ready after {READY_LIMIT_S:.0f} s: see their log above.")
            await self._clock.sleep(READY_POLL_S)

    async def _stop(self) -> None:
        box = self._box
        for group in (box.webs, box.workers, box.helpers):
            await _all(child.stop() for child in group)
        await self._nursery.stop()
        if self._server is not None:
            await self._server.stop()
        box.release_ports()
        self._lock.release()

    def _hopeless(self, name: str, status: int) -> bool:
        self._early_deaths += 0 if self._is_ready else 1
        if status != BAD_SETTINGS and self._early_deaths < EARLY_DEATHS_MAX:
            return False
        self._failed = name
        self._enough.set()
        return True


async def _all(work: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*work)

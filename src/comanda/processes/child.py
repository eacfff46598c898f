"""A child of the supervisor: a process of this program in one of its roles, started again when it dies."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence

import structlog

from comanda.engine.clock import Clock
from comanda.engine.errors import Unavailable
from comanda.engine.service import Loop, wait_until_set
from comanda.processes.nursery import Nursery, Nursling

log = structlog.get_logger(__name__)

PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""How long to wait before a child that died is started again, by how often it died in a row; the last is kept to."""

STEADY_S = 20.0
"""A child that lived this long starts with the shortest pause again."""


class Child:
    """One child.

    Args:
        name: for people, and in its log lines.
        arguments: the command and its options.
        grace_s: how long it may take to end when it is told to, before it is killed.
        hopeless: asked when it died, with its name and exit status: whether to leave it at that.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        nursery: Nursery,
        clock: Clock,
        hopeless: Callable[[str, int], bool],
        grace_s: float = 10.0,
    ) -> None:
        self.name = name
        self._arguments = list(arguments)
        self._nursery = nursery
        self._clock = clock
        self._hopeless = hopeless
        self._grace_s = grace_s
        self._settings: Mapping[str, str] = {}
        self._process: Nursling | None = None
        self._ended = asyncio.Event()
        self._keeper = Loop(f"child {name}", self._keep, grace_s=grace_s + 5)

    @property
    def pid(self) -> int | None:
        """The process id, while there is one."""
        return self._process.pid if self._process is not None else None

    async def start_with(self, settings: Mapping[str, str]) -> None:
        """Start it with `settings` (environment variables), and from now on again when it dies."""
        if self._process is not None or self._ended.is_set():
            return
        self._settings = settings
        self._process = await self._spawned()
        await self._keeper.start()

    async def stop(self) -> None:
        """Tell it to end, wait, kill it when its grace is over. Safe to call twice and early."""
        self._ended.set()
        process = self._process
        if process is not None and process.pid is not None:
            process.signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self._grace_s)
            except TimeoutError:
                log.warning("child did not end in time and is killed", child=self.name, pid=process.pid)
                process.signal(signal.SIGKILL)
                await process.wait()
        await self._keeper.stop()
        self._process = None

    async def _spawned(self) -> Nursling:
        return await self._nursery.spawn(self.name, self._arguments, self._settings)

    async def _keep(self, stopping: asyncio.Event) -> None:
        deaths = 0
        while self._process is not None:
            begun = self._clock.monotonic()
            ended = await self._process.wait()
            if self._ended.is_set() or stopping.is_set():
                return
            if self._hopeless(self.name, ended.status):
                return
            deaths = 0 if self._clock.monotonic() - begun > STEADY_S else deaths
            pause_s = PAUSES_S[min(deaths, len(PAUSES_S) - 1)]
            deaths += 1
            log.warning("child died and is started again", child=self.name, status=ended.status, pause_s=pause_s)
            if await wait_until_set(self._ended, pause_s):
                return
            try:
                self._process = await self._spawned()
            except Unavailable as error:
                log.warning("child cannot be started", child=self.name, error=str(error))

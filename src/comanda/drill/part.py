"""A process of the drill's system: started, killed, paused, and started again.

Nobody supervises it but the drill: what was killed stays dead until the fault is over. A process that ends by itself
is started again as a supervisor would, and is remembered, for none should.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from comanda.drill.errors import DrillError
from comanda.engine.clock import Clock
from comanda.engine.service import Loop
from comanda.processes.nursery import Nursery, Nursling

log = structlog.get_logger(__name__)

LOOK_S = 0.05
READY_S = 90.0
END_S = 15.0
AGAIN_S = 0.3
"""How long a process that ended by itself stays dead."""


class Part:
    """One process.

    Args:
        arguments: of the command.
        ready: says, given the process id, whether it does its work.

    Attributes:
        up: set while it runs, is ready and is not being hurt.
        pid: of the process, while there is one.
        by_itself: exit statuses with which it ended although nobody had hurt it after it was ready.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        nursery: Nursery,
        clock: Clock,
        ready: Callable[[int], Awaitable[bool]],
    ) -> None:
        self.name = name
        self.up = asyncio.Event()
        self.by_itself: list[int] = []
        self._environ: Mapping[str, str] = {}
        self._arguments = arguments
        self._nursery = nursery
        self._clock = clock
        self._is_ready = ready
        self._process: Nursling | None = None
        self._wanted = False
        self._turn = asyncio.Lock()
        self._keeper = Loop(f"drill {name}", self._keep, grace_s=END_S)

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process is not None else None

    async def start_with(self, environ: Mapping[str, str]) -> None:
        """Start it with `environ` as its settings; it is ready when `up` is set."""
        async with self._turn:
            self._environ = environ
            self._wanted = True
            await self._launch()
        await self._keeper.start()

    async def stop(self) -> None:
        """End it in order, and kill it when that takes too long."""
        self._wanted = False
        self.up.clear()
        async with self._turn:
            process = self._process
            if process is not None and process.pid is not None:
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), END_S)
                except TimeoutError:
                    log.warning("did not end in time and is killed", part=self.name)
                    process.signal(signal.SIGKILL)
                    await process.wait()
        await self._keeper.stop()

    async def kill(self, down_s: float, *, begins: Callable[[], None] = lambda: None) -> None:
        """Kill it as the kernel does when memory runs out, and start it again so much later.

        It waits until the process is up and nobody else hurts it, and says when it begins.
        """
        async with self._hurt() as process:
            begins()
            process.signal(signal.SIGKILL)
            await process.wait()
            await self._clock.sleep(down_s)

    async def pause(self, lasts_s: float, *, begins: Callable[[], None] = lambda: None) -> None:
        """Stop it where it stands, and let it go on so much later; it waits as `kill` does."""
        async with self._hurt() as process:
            begins()
            process.signal(signal.SIGSTOP)
            try:
                await self._clock.sleep(lasts_s)
            finally:
                process.signal(signal.SIGCONT)

    @asynccontextmanager
    async def _hurt(self) -> AsyncIterator[Nursling]:
        """Lend the process when it is up and nobody else hurts it; afterwards it runs again."""
        process = await self._taken()
        try:
            self.up.clear()
            yield process
            if process.pid is None and self._wanted:
                await self._launch()
        finally:
            self._turn.release()

    async def _taken(self) -> Nursling:
        """Wait until it is up, and take the turn."""
        while True:
            await self.up.wait()
            await self._turn.acquire()
            if self.up.is_set() and self._process is not None and self._process.pid is not None:
                return self._process
            self._turn.release()
            await self._clock.sleep(LOOK_S)

    async def _launch(self) -> None:
        self._process = await self._nursery.spawn(self.name, self._arguments, self._environ)

    async def _keep(self, stopping: asyncio.Event) -> None:
        """See that it becomes ready after each start, and start it again when it has ended by itself."""
        while not stopping.is_set():
            await self._clock.sleep(LOOK_S)
            if self._turn.locked() or not self._wanted:
                continue
            pid = self.pid
            if pid is None:
                await self._again()
            elif not self.up.is_set() and await self._is_ready(pid) and not self._turn.locked():
                self.up.set()

    async def _again(self) -> None:
        async with self._turn:
            process = self._process
            if process is None or process.pid is not None or not self._wanted:
                return
            status = (await process.wait()).status
            log.warning("ended by itself and is started again", part=self.name, status=status)
            if self.up.is_set():
                self.by_itself.append(status)
            self.up.clear()
            await self._clock.sleep(AGAIN_S)
            await self._launch()


async def all_up(parts: Sequence[Part]) -> None:
    """Wait until all are up. Raises `DrillError`, naming those that are not."""
    waiting = asyncio.gather(*(part.up.wait() for part in parts))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(waiting, READY_S)
    except TimeoutError as error:
        late = ", ".join(part.name for part in parts if not part.up.is_set())
        raise DrillError(f"After {READY_S:.0f} s these are not ready: {late}.") from error

"""Late calls: calls to the outside that took longer than their batch would wait, and go on by themselves.

The event of a late call is parked, so that it holds up its own key alone. Its next try is put off for as long as the
call is under way, a few seconds at a time: when this worker dies, another tries soon. Whoever concludes first takes the
parked row away in the same transaction; the other then finds nothing to conclude.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.errors import Unavailable
from comanda.engine.lanes.errand import Errand
from comanda.engine.lanes.parking import Parking

log = structlog.get_logger(__name__)

REASON = "its call is still under way"

GATHER_S = 0.01
"""How long a call that has ended waits for others that end in the same moment, to be concluded with them.

Calls that began together tend to end together; one transaction each would hold up the worker's other lanes.
"""


class LateCalls:
    """The late calls of one lane.

    Args:
        conclude: writes what came of errands, in as few transactions as can be.
        most: late calls at the same time; beyond, `room` makes the lane wait.
        hold_s: how long a parked event is put off each time.
    """

    def __init__(
        self,
        parking: Parking,
        database: Database,
        clock: Clock,
        conclude: Callable[[Sequence[Errand]], Awaitable[None]],
        *,
        most: int,
        hold_s: float,
    ) -> None:
        self.hold_s = hold_s
        self._parking = parking
        self._database = database
        self._clock = clock
        self._conclude = conclude
        self._most = most
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ended: list[Errand] = []
        self._concluding = asyncio.Lock()
        self._held_at = clock.monotonic()

    def add(self, errand: Errand, call: asyncio.Task[None], *, put_off_at: float) -> None:
        """Let `call` go on; `errand`'s event was put off by `hold_s`, not before `put_off_at` (monotonic)."""
        if not self._tasks:
            self._held_at = put_off_at
        task = asyncio.create_task(self._see_through(errand, call), name=f"late call for event {errand.event.id}")
        self._tasks[errand.event.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(errand.event.id, None))

    async def room(self) -> None:
        """Return at once where fewer than the most are under way; else when one has ended."""
        while len(self._tasks) >= self._most:
            await asyncio.wait(self._tasks.values(), timeout=self.hold_s / 3, return_when=asyncio.FIRST_COMPLETED)
            await self.keep()

    async def keep(self) -> None:
        """Put the events of the calls under way off again; to be called every second or so."""
        now = self._clock.monotonic()
        if not self._tasks:
            self._held_at = now
        elif not self.holding():
            # This process was paused, and others may be at these events by now.
            await self._break_off()
        elif now - self._held_at >= self.hold_s / 3:
            await self._put_off(self.hold_s)
            self._held_at = now

    def keeps(self, errand: Errand) -> bool:
        """Whether this errand's call goes on by itself, with its event put off; until then the lease is what counts."""
        return errand.event.id in self._tasks

    def holding(self) -> bool:
        """Whether the events of the calls under way are surely left alone by others, by a monotonic clock."""
        return self._clock.monotonic() - self._held_at < self.hold_s

    async def end(self, grace_s: float) -> None:
        """Wait for what is under way, break off what is left then, and leave it to be tried by another worker now."""
        try:
            if self._tasks and self.holding():
                await self._put_off(grace_s + 1.0)
                await asyncio.wait(self._tasks.values(), timeout=grace_s)
            await self._break_off(wait_s=0.0)
        except Unavailable as error:
            log.warning("late calls not handed over; others try them when their time is up", reason=str(error))

    async def _break_off(self, wait_s: float | None = None) -> None:
        left = dict(self._tasks)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        if left and wait_s is not None:
            async with self._database.transaction() as tx:
                await self._parking.put_off(tx, list(left), wait_s)

    async def _put_off(self, wait_s: float) -> None:
        async with self._database.transaction() as tx:
            await self._parking.put_off(tx, list(self._tasks), wait_s)

    async def _see_through(self, errand: Errand, call: asyncio.Task[None]) -> None:
        try:
            await call
            self._ended.append(errand)
            await asyncio.sleep(GATHER_S)
            async with self._concluding:
                if errand in self._ended:
                    ended, self._ended = self._ended, []
                    await self._conclude_all(ended)
        finally:
            call.cancel()

    async def _conclude_all(self, errands: Sequence[Errand]) -> None:
        again = "late call not concluded; it will be made again"
        try:
            await self._conclude(errands)
        except Unavailable as error:
            for errand in errands:
                log.warning(again, event_id=errand.event.id, reason=str(error))
        except Exception as error:
            if len(errands) == 1:
                log.exception(again, event_id=errands[0].event.id, exc_info=error)
                return
            for errand in errands:
                await self._conclude_all([errand])

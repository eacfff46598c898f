"""A lane: the loop that brings events to one consumer.

`Lane` holds what all lanes share: waiting, reading, retrying what is parked. What is done with a batch is decided by
its two kinds: `DirectLane` (handler and cursor in one transaction) and `OutsideLane` (claim, perform, conclude).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import RETRIED, Database
from comanda.engine.errors import Fenced, Unavailable
from comanda.engine.events.event import EventCatalogue
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.leases import Leases
from comanda.engine.lanes.parking import Parking
from comanda.engine.lanes.reader import LoggedEvent, read, skip
from comanda.engine.service import wait_until_set

log = structlog.get_logger(__name__)

PAUSES_S = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Waits after a look that found nothing, before the polling interval: the event that woke us may still be above the
horizon, because another transaction was writing when we looked, and nobody notifies when that one ends."""

LEAST_GAP_S = 0.005
"""The shortest time between two looks that find nothing, so that a busy house does not wake idle lanes all the time."""

PARKED_EVERY_S = 0.25
"""How often a lane asks for parked events whose next try is due."""

STUMBLED_S = 1.0
"""How long a lane waits after an error of its own."""

SKIP_EVERY_S = 5.0
"""How often a lane moves its cursors over stretches of the log that hold nothing for it."""


class Lane(ABC):
    """The loop of one consumer in one worker.

    Args:
        poll_s: longest time between two looks at the log when nobody wakes the lane.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        database: Database,
        catalogue: EventCatalogue,
        leases: Leases,
        clock: Clock,
        ids: Ids,
        poll_s: float = 1.0,
    ) -> None:
        self.consumer = consumer
        self.name = consumer.name
        self._database = database
        self._catalogue = catalogue
        self._leases = leases
        self._clock = clock
        self._poll_s = poll_s
        self._names = [kind.name for kind in consumer.on]
        self._parking = Parking(database, consumer.name, consumer.retries, ordered=consumer.ordered, ids=ids)
        self._woken = asyncio.Event()
        self._parked_at = -PARKED_EVERY_S
        self._skipped_at = clock.monotonic()
        self._looked_at = 0.0
        self.handled = 0

    def wake(self) -> None:
        """Look at the log soon."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Handle events until `stopping` is set; the batch under way is finished first."""
        idle = 0
        while not stopping.is_set():
            self._woken.clear()
            try:
                count = await self._turn(stopping)
            except Fenced as error:
                log.warning("lease lost", lane=self.name, reason=str(error))
                self._leases.lost(self.name)
                count = 0
            except Unavailable as error:
                log.warning("lane waits for the database", lane=self.name, reason=str(error))
                await wait_until_set(stopping, 0.5)
                count = 0
            except Exception:
                # Not about any event, which would be parked: the lane's own work failed. It may succeed the next time,
                # and a lane that ended here would be missed by nobody.
                log.exception("lane stumbled", lane=self.name)
                await wait_until_set(stopping, STUMBLED_S)
                count = 0
            if count:
                idle = 0
                continue
            idle = 0 if await self._rest(idle) else idle + 1

    async def _rest(self, idle: int) -> bool:
        """Wait for a wake-up or the next look; return whether we were woken."""
        pause_s = PAUSES_S[idle] if idle < len(PAUSES_S) else self._poll_s
        woken = await wait_until_set(self._woken, pause_s)
        too_soon_s = LEAST_GAP_S - (self._clock.monotonic() - self._looked_at)
        if too_soon_s > 0:
            await self._clock.sleep(too_soon_s)
        return woken

    async def _turn(self, stopping: asyncio.Event) -> int:
        await self._leases.hand_over_surplus(self.name)
        held = self._leases.held(self.name)
        if not held:
            return 0
        self._looked_at = self._clock.monotonic()
        count = await self._retry_parked(held)
        events = await read(self._database, self.name, held, self._names, self.consumer.batch)
        if not events:
            await self._skip(held)
        for batch in self._batches(events):
            if stopping.is_set() or not self._leases.valid():
                break
            await self._handle(held, batch)
            count += len(batch)
            self.handled += len(batch)
        return count

    def _batches(self, events: Sequence[LoggedEvent]) -> Iterator[Sequence[LoggedEvent]]:
        for start in range(0, len(events), self.consumer.batch):
            yield events[start : start + self.consumer.batch]

    async def _retry_parked(self, held: dict[int, int]) -> int:
        now = self._clock.monotonic()
        if now - self._parked_at < PARKED_EVERY_S:
            return 0
        due = await self._parking.due(held, self.consumer.batch)
        if len(due) < self.consumer.batch:
            self._parked_at = now
        for event, attempts in due:
            await self._retry(held, event, attempts)
        return len(due)

    async def _skip(self, held: dict[int, int]) -> None:
        now = self._clock.monotonic()
        if now - self._skipped_at >= SKIP_EVERY_S:
            self._skipped_at = now
            await skip(self._database, self.name, held, self._names)

    def _failed(self, event: LoggedEvent, attempts: int, error: Exception, *, dead: bool) -> None:
        log.warning(
            "event is a dead letter" if dead else "event parked",
            lane=self.name,
            event_id=event.id,
            event_name=event.name,
            key=event.key,
            attempts=attempts,
            error=repr(error),
            exc_info=error if dead else None,
        )

    @abstractmethod
    async def _handle(self, held: dict[int, int], batch: Sequence[LoggedEvent]) -> None:
        """Handle a batch read from the log and move the cursors past it."""

    @abstractmethod
    async def _retry(self, held: dict[int, int], event: LoggedEvent, attempts: int) -> None:
        """Try one parked event again."""


def passes_on(error: BaseException) -> bool:
    """Whether an error is about this worker or the server, not about the event: it must not park anything."""
    return isinstance(error, (Fenced, Unavailable, *RETRIED))

"""A lane: the loop that brings events to one consumer.

`Lane` holds what all lanes share: waiting, reading, retrying what is parked. What is done with a batch is decided by
its two kinds: `DirectLane` (handler and cursor in one transaction) and `OutsideLane` (claim, perform, conclude).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import RETRIED, Database
from comanda.engine.errors import Fenced, Unavailable
from comanda.engine.events.event import EventCatalogue
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.leases import Leases
from comanda.engine.lanes.pace import Pace
from comanda.engine.lanes.parking import Parking, Verdict
from comanda.engine.lanes.source import LoggedEvent, Source
from comanda.engine.lanes.traces import LaneTraces
from comanda.engine.lanes.turns import Turns
from comanda.engine.service import wait_until_set
from comanda.engine.tracing import QuietTracer, Tracer, trace_id_of

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


@dataclass
class LaneCounts:
    """What a lane has done in this process since it began; whoever reads it keeps what he had read before.

    Attributes:
        handled: events that took effect, or that were let go.
        failed: tries that failed.
        dead: events that became dead letters.
        busy_s: seconds spent on batches.
    """

    handled: int = 0
    failed: int = 0
    dead: int = 0
    busy_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all lanes of a worker have in common.

    Attributes:
        poll_s: longest time between two looks at the log when nobody wakes the lane.
        tracer: where the spans of the events' handling go.
    """

    database: Database
    catalogue: EventCatalogue
    leases: Leases
    turns: Turns
    clock: Clock
    ids: Ids
    poll_s: float = 1.0
    tracer: Tracer = field(default_factory=QuietTracer)


class Lane(ABC):
    """The loop of one consumer in one worker."""

    def __init__(self, consumer: Consumer, source: Source, around: Surroundings) -> None:
        self.consumer = consumer
        self.name = consumer.name
        self.counts = LaneCounts()
        self._source = source
        self._database = around.database
        self._catalogue = around.catalogue
        self._leases = around.leases
        self._turns = around.turns
        self._clock = around.clock
        self._poll_s = around.poll_s
        self._traces = LaneTraces(around.tracer, consumer.name)
        self._parking = Parking(
            around.database, consumer.name, consumer.retries, ordered=consumer.ordered, ids=around.ids
        )
        self._pace = Pace(consumer, around.database, around.clock, self._decoded)
        self._woken = asyncio.Event()
        self._parked_look_at = around.clock.monotonic()
        self._looked_at = 0.0

    def wake(self) -> None:
        """Look at the log soon."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Handle events until `stopping` is set; the batch under way is finished first."""
        idle = 0
        await self._pace.start()
        while not stopping.is_set():
            self._woken.clear()
            try:
                count = await self._turn(stopping)
            except Fenced as error:
                log.warning("lease lost", lane=self.name, reason=str(error))
                self._leases.lost(self.name)
                count = 0
            except Unavailable as error:
                log.warning("lane waits", lane=self.name, reason=str(error))
                await wait_until_set(stopping, 0.5)
                count = 0
            except Exception:
                # Not about any event, which would be parked: the lane's own work failed. It may succeed the next time,
                # and a lane that ended here would be missed by nobody.
                log.exception("lane stumbled", lane=self.name)
                await wait_until_set(stopping, STUMBLED_S)
                count = 0
            if count or self._pace.lane_waits_s:
                idle = 0
                continue
            idle = 0 if await self._rest(idle) else idle + 1

    async def _rest(self, idle: int) -> bool:
        """Wait for a wake-up or the next look; return whether we were woken."""
        pause_s = PAUSES_S[idle] if idle < len(PAUSES_S) else self._poll_s
        if self._pace.limited:
            pause_s = max(0.0, min(pause_s, self._parked_look_at - self._clock.monotonic()))
        woken = await wait_until_set(self._woken, pause_s)
        too_soon_s = LEAST_GAP_S - (self._clock.monotonic() - self._looked_at)
        if too_soon_s > 0:
            await self._clock.sleep(too_soon_s)
        return woken

    async def _turn(self, stopping: asyncio.Event) -> int:
        await self._leases.hand_over_surplus(self.name)
        if self._leases.paused(self.name):
            return 0
        await self._pace.rest(stopping)
        self._looked_at = self._clock.monotonic()
        held = self._leases.held(self.name)
        count = await self._retry_parked(held) if held else 0
        if self._pace.lane_waits_s:
            return count
        for batch in self._batches(self._pace.mixed(await self._read(stopping))):
            left = batch
            while left:
                if stopping.is_set() or not self._source.valid():
                    return count
                async with self._turns.turn(self.name, self.consumer.share):
                    done = await self._handle_admitted(left)
                if not done:
                    return count
                await self._source.acknowledge(done)
                count += len(done)
                left = left[len(done) :]
        return count

    async def _handle_admitted(self, batch: Sequence[LoggedEvent]) -> Sequence[LoggedEvent]:
        """Handle those of `batch` that come before the first for which the lane's rate has nothing left."""
        held_keys = await self._parking.held_keys(self._database, batch) if self._pace.limited else ()
        admitted = await self._pace.admit(batch, held_keys=held_keys)
        if not admitted:
            return admitted
        began = self._clock.monotonic()
        try:
            await self._handle(admitted)
        finally:
            self._pace.settle()
        self._spent(len(admitted), self._clock.monotonic() - began)
        return admitted

    async def _read(self, stopping: asyncio.Event) -> Sequence[LoggedEvent]:
        """Read what is there; where the consumer lingers and it is little, wait for more, once."""
        events = await self._source.read(self._pace.reads(self.consumer.size))
        takes = self.consumer.takes
        if takes is None or not takes.linger_s or not 0 < len(events) < takes.size:
            return events
        await wait_until_set(stopping, takes.linger_s)
        return await self._source.read(self._pace.reads(takes.size))

    def _spent(self, _count: int, spent_s: float) -> None:
        """Note how long a batch of `_count` events took."""
        self.counts.busy_s += spent_s

    def _batches(self, events: Sequence[LoggedEvent]) -> Iterator[Sequence[LoggedEvent]]:
        for start in range(0, len(events), self.consumer.size):
            yield events[start : start + self.consumer.size]

    async def _retry_parked(self, held: dict[int, int]) -> int:
        due = await self._due(held)
        try:
            for event, attempts in due:
                await self._retry(held, event, attempts)
        finally:
            self._pace.settle()
        return len(due)

    async def _due(self, held: dict[int, int]) -> Sequence[tuple[LoggedEvent, int]]:
        """Return the parked events that may be tried now, with their tries so far, if it is time to look for them."""
        now = self._clock.monotonic()
        if now < self._parked_look_at:
            return []
        due = await self._parking.due(held, self.consumer.batch)
        more = len(due) == self.consumer.batch
        self._parked_look_at = now if more else now + PARKED_EVERY_S
        if not self._pace.limited:
            return due
        admitted = await self._pace.admit([event for event, _ in due], waited=True)
        waits_s = {event.id: wait_s for event in admitted if (wait_s := self._pace.wait_s(event)) is not None}
        if waits_s:
            await self._database.run(lambda tx: self._parking.put_off_each(tx, waits_s))
        ready = [(event, attempts) for event, attempts in due[: len(admitted)] if event.id not in waits_s]
        if ready or len(admitted) < len(due):
            self._parked_look_at = now  # Those behind them may be next, and those that the lane had no permit for.
        elif not more:
            next_s = await self._parking.next_due_s(held)
            self._parked_look_at = now + min(PARKED_EVERY_S, PARKED_EVERY_S if next_s is None else next_s)
        return ready

    def _decoded(self, event: LoggedEvent) -> Any:
        """Return what the consumer's functions are called with."""
        if self.consumer.raw:
            return event
        return self._catalogue.decode(event.name, event.version, event.payload)

    def _failed(self, event: LoggedEvent, attempts: int, error: Exception, verdict: Verdict) -> None:
        """Count and log what became of an event that failed."""
        self.counts.failed += 1
        self.counts.dead += verdict == "dead"
        self.counts.handled += verdict == "drop"
        log.warning(
            {"dead": "event is a dead letter", "retry": "event parked", "drop": "event let go"}[verdict],
            lane=self.name,
            event_id=event.id,
            event_name=event.name,
            key=event.key,
            trace_id=trace_id_of(event.trace) if event.trace is not None else None,
            attempts=attempts,
            error=repr(error),
            exc_info=error if verdict == "dead" else None,
        )

    async def finish(self, grace_s: float) -> None:  # noqa: ARG002 - most lanes have nothing that takes time to end
        """Bring to an end, within `grace_s`, what goes on beside the loop. Called when the leases are handed over."""
        await self._pace.stop()

    @abstractmethod
    async def _handle(self, batch: Sequence[LoggedEvent]) -> None:
        """Handle a batch read from the source and write there that it was."""

    @abstractmethod
    async def _retry(self, held: dict[int, int], event: LoggedEvent, attempts: int) -> None:
        """Try one parked event again."""


def passes_on(error: BaseException) -> bool:
    """Whether an error is about this worker or the server, not about the event: it must not park anything."""
    return isinstance(error, (Fenced, Unavailable, *RETRIED))

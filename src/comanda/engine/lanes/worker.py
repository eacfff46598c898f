"""The worker: a process's lanes, its leases and its periodic work, under one start and stop."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database.database import Database
from comanda.engine.errors import SettingError
from comanda.engine.events.event import EventCatalogue
from comanda.engine.ids import Ids, RandomIds
from comanda.engine.lanes.consumer import Consumer, OutsideConsumer, Periodic
from comanda.engine.lanes.direct import DirectLane
from comanda.engine.lanes.horizon import HorizonWatch
from comanda.engine.lanes.lane import Lane, Surroundings
from comanda.engine.lanes.leases import Leases
from comanda.engine.lanes.log_source import LogSource
from comanda.engine.lanes.minutes import MinuteKeeper
from comanda.engine.lanes.outside import OutsideLane
from comanda.engine.lanes.periodic import PeriodicRunner
from comanda.engine.lanes.relay import Relay, RelayLane
from comanda.engine.lanes.source import Source, Sources
from comanda.engine.lanes.turns import Turns
from comanda.engine.service import Loop, Service
from comanda.engine.timers.mover import TimerMover
from comanda.engine.tracing import QuietTracer, Tracer

FIGURES_GRACE_S = 1.0
"""How long a stop waits for the last figures to be written."""

HANDLER_GRACE_S = 0.7
"""How long a stop waits for a handler that only writes to the database, so that its shards are handed over within a
second: its transaction rolls back, and another worker does it again."""


class Worker:
    """Runs the lanes of `consumers`, sharing their shards with the other workers.

    Promises: events of one key reach a consumer in order and take effect once; a stop finishes the batches under way
    and hands the leases over.

    Args:
        sources: where each consumer's events come from; None is the log itself, which a relay reads always.
        tracer: where the spans of the events' handling go; None is nowhere. Whoever made it starts and stops it.
        lease_s: see `Leases`.
        poll_s: see `Surroundings`.
        grace_s: how long a stop waits for calls under way before it cancels them.
    """

    def __init__(
        self,
        database: Database,
        catalogue: EventCatalogue,
        consumers: Sequence[Consumer],
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        periodic: Sequence[Periodic] = (),
        sources: Sources | None = None,
        tracer: Tracer | None = None,
        lease_s: float = 10.0,
        look_s: float = 1.0,
        poll_s: float = 1.0,
        grace_s: float = 5.0,
    ) -> None:
        clock, ids = clock or SystemClock(), ids or RandomIds()
        timers = TimerMover(database)
        self.leases = Leases(
            database,
            {consumer.name: consumer.shards for consumer in consumers},
            clock=clock,
            wake=self._wake,
            wake_timers=timers.wake,
            since={consumer.name: consumer.since for consumer in consumers},
            lease_s=lease_s,
            look_s=look_s,
        )
        self._around = Surroundings(
            database=database,
            catalogue=catalogue,
            leases=self.leases,
            turns=Turns(clock),
            clock=clock,
            ids=ids,
            poll_s=poll_s,
            tracer=tracer or QuietTracer(),
        )
        self._grace_s = grace_s
        self._sources: list[Source] = []
        self.lanes: list[Lane] = []
        for consumer in consumers:
            carried = self._log_source if sources is None or isinstance(consumer, Relay) else sources
            source = carried(consumer, self._waker_of(len(self.lanes)))
            self._sources.append(source)
            self.lanes.append(_lane(consumer, source, self._around))
        self._lane_loops = [Loop(f"lane {lane.name}", lane.run, grace_s=_grace_s(lane, grace_s)) for lane in self.lanes]
        runner = PeriodicRunner(database, periodic, clock)
        self._services: list[Service] = [
            timers,
            Loop("periodic work", runner.run, grace_s=grace_s),
            Loop("horizon", HorizonWatch(database, wake=self._wake).run, grace_s=grace_s),
        ]
        self._figures = Loop("figures", MinuteKeeper(database, self.lanes).run, grace_s=FIGURES_GRACE_S)
        self._stopped = False

    async def start(self) -> None:
        """Start looking for work. A database that does not answer yet is waited for."""
        if self._stopped:
            return
        await self.leases.start()
        services: list[Service] = [*self._sources, *self._lane_loops, *self._services, self._figures]
        for service in services:
            await service.start()

    async def stop(self) -> None:
        """Finish the batches under way, hand the leases over, end."""
        self._stopped = True
        lanes = zip(self.lanes, self._lane_loops, strict=True)
        stopping = [asyncio.create_task(self._end(lane, loop)) for lane, loop in lanes]
        stopping += [asyncio.create_task(service.stop()) for service in self._services]
        await asyncio.sleep(0)  # Lets each loop set its flag, before the lanes are woken to see it.
        self._wake()
        await self.leases.leave()
        await asyncio.gather(*stopping)
        await self.leases.stop()
        await asyncio.gather(*(source.stop() for source in self._sources))
        await asyncio.gather(*(lane.finish(self._grace_s) for lane in self.lanes))
        await self._figures.stop()

    async def _end(self, lane: Lane, loop: Loop) -> None:
        """End a lane and hand its shards over, without waiting for the other lanes."""
        await loop.stop()
        await self.leases.give_up(lane.name)

    def _wake(self) -> None:
        for lane in self.lanes:
            lane.wake()

    def _waker_of(self, number: int) -> Callable[[], None]:
        def wake() -> None:
            self.lanes[number].wake()  # Looked up when it is called: the lane is made after its source.

        return wake

    def _log_source(self, consumer: Consumer, _wake: Callable[[], None]) -> Source:
        around = self._around
        return LogSource(
            consumer.name, consumer.names, database=around.database, leases=self.leases, clock=around.clock
        )


def _lane(consumer: Consumer, source: Source, around: Surroundings) -> Lane:
    if isinstance(consumer, Relay):
        return RelayLane(consumer, source, around)
    if isinstance(consumer, OutsideConsumer):
        return OutsideLane(consumer, source, around)
    return DirectLane(consumer, source, around)


def _grace_s(lane: Lane, grace_s: float) -> float:
    return min(grace_s, HANDLER_GRACE_S) if isinstance(lane, DirectLane) else grace_s


def chosen(consumers: Sequence[Consumer], lanes: Collection[str] | None) -> list[Consumer]:
    """Return the consumers whose lanes were asked for: by full name or by context; all where `lanes` is None.

    Raises `SettingError` for a name that fits none.
    """
    if lanes is None:
        return list(consumers)
    known = {c.name for c in consumers} | {c.name.partition(".")[0] for c in consumers}
    for lane in lanes:
        if lane not in known:
            raise SettingError(f"There is no lane {lane!r}; there are {', '.join(sorted(c.name for c in consumers))}.")
    return [c for c in consumers if c.name in lanes or c.name.partition(".")[0] in lanes]

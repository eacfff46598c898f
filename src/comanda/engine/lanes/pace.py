"""The pace of a lane: its rates, as its loop meets them.

An event whose *key* must wait is put aside among the parked ones until its turn is likely, so that the cursor and all
other keys go on. When it is the *lane* that must wait, nothing is put aside: the lane reads nothing until there is a
permit again. Permits are asked for before events are claimed, and looked at once more right before each call.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import zip_longest
from math import ceil
from typing import Any

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.errors import SlowDown, Unavailable
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.rates.granting import KeyWaits, LaneWaits, Want
from comanda.engine.rates.limiter import LEAST_WAIT_S, Limiter, Permit
from comanda.engine.rates.stored_buckets import Buckets
from comanda.engine.service import wait_until_set

log = structlog.get_logger(__name__)

LEAST_READ = 16
"""Events that a lane which waits for its own rate reads of each shard, at least: enough to get past waiting keys."""

FIRST_CHUNK = 16
MOST_CHUNK = 512
"""Events that are admitted at once: so many at first, and at most; fewer after the last of them came too late."""

LONGEST_REST_S = 1.0
"""How long a lane that must wait stays away from its loop, at most: leases are looked after there."""


class Pace:
    """The rates of one lane in one worker. Where the consumer has none, everything may begin at once.

    Args:
        decoded: returns an event as the rates' `by` gets it; may raise.
    """

    def __init__(
        self, consumer: Consumer, database: Database, clock: Clock, decoded: Callable[[LoggedEvent], Any]
    ) -> None:
        self._limiter = Limiter(database, consumer.name, consumer.rates, clock) if consumer.rates else None
        self._lane_rates = [rate for rate in consumer.rates if rate.by is None]
        self._lane = consumer.name
        self._clock = clock
        self._decoded = decoded
        self._permits: dict[int, Permit] = {}
        self._waits: dict[int, float] = {}
        self._free_at = 0.0
        self._chunk = FIRST_CHUNK
        self._admitted: list[int] = []
        self._late = False

    @property
    def limited(self) -> bool:
        """Whether the lane has rates."""
        return self._limiter is not None

    @property
    def lane_waits_s(self) -> float:
        """For how long there is no use in reading anything."""
        return max(0.0, self._free_at - self._clock.monotonic())

    async def start(self) -> None:
        """Begin to ask."""
        if self._limiter is not None:
            await self._limiter.start()

    async def stop(self) -> None:
        """Ask no more. Call it when no call can begin any more."""
        if self._limiter is not None:
            await self._limiter.stop()

    async def rest(self, stopping: asyncio.Event) -> None:
        """Wait while the lane must, or for a second."""
        if self.lane_waits_s > 0:
            await wait_until_set(stopping, min(self.lane_waits_s, LONGEST_REST_S))

    def reads(self, size: int) -> int:
        """Return how many events to read where `size` would be: not a hundred for each one that may begin."""
        if not self._lane_rates:
            return size
        return min(size, max(LEAST_READ, ceil(min(rate.most for rate in self._lane_rates))))

    def mixed(self, events: Sequence[LoggedEvent]) -> Sequence[LoggedEvent]:
        """Return `events` with the shards taking turns: the first shard must not have all of the lane's permits."""
        if not self._lane_rates:
            return events
        return list(_in_turns(events))

    async def admit(
        self, events: Sequence[LoggedEvent], *, waited: bool = False, held_keys: Collection[str] = ()
    ) -> Sequence[LoggedEvent]:
        """Ask for permits; return those of `events` before the first for which the lane must wait.

        For each of them it is known then whether it may begin (`begin`) or must wait (`wait_s`). `settle` ends that. No
        more are admitted at once than lately began in time: a permit that comes late is lost.

        Args:
            events: in the order in which they are to begin.
            waited: whether they have waited for their turns.
            held_keys: keys whose events will not begin now; they take none of the lane's permits from others.
        """
        if self._limiter is None or not events:
            return events
        self._forget()
        events = events[: self._chunk]
        self._admitted = [event.id for event in events]
        wants = {}
        for event in events:
            buckets = self._buckets(event)
            if buckets is not None and event.key in held_keys:
                buckets = tuple((rate, name) for rate, name in buckets if rate.by is not None)
            if buckets is not None:
                wants[event.id] = Want(buckets, waited=waited)
        answers = dict(zip(wants, await self._limiter.acquire(list(wants.values())), strict=True))
        for place, event in enumerate(events):
            answer = answers.get(event.id)
            if isinstance(answer, LaneWaits):
                self._free_at = self._clock.monotonic() + max(answer.wait_s, LEAST_WAIT_S)
                return events[:place]
            if isinstance(answer, KeyWaits):
                self._waits[event.id] = answer.wait_s
            elif answer is not None and event.key not in held_keys:
                self._permits[event.id] = answer
        return events

    def wait_s(self, event: LoggedEvent) -> float | None:
        """Return how long an admitted event must wait for its key; None where it may begin."""
        return self._waits.get(event.id)

    async def begin(self, events: Sequence[LoggedEvent], *, patient: bool = True) -> list[float | None]:
        """Return None for each event whose call may begin now, with nothing awaited in between; else how long to wait.

        Uses up the event's permit, and asks for one where it has none (any more), with a little patience unless a
        transaction is open meanwhile. Raises what a rate's `by` raises.
        """
        if self._limiter is None or not events:
            return [None] * len(events)
        held: list[Permit | Buckets] = []
        for event in events:
            permit = self._permits.pop(event.id, None)
            self._learn(event, permit)
            held.append(permit if permit is not None else self._limiter.buckets(self._decoded(event)))
        return [None if told is None else told.wait_s for told in await self._limiter.begin(held, patient=patient)]

    def settle(self) -> None:
        """Forget what was admitted last."""
        if self._late:
            self._chunk = max(1, self._chunk // 2)
        elif len(self._admitted) >= self._chunk:
            self._chunk = min(MOST_CHUNK, self._chunk + max(1, self._chunk // 4))
        self._forget()

    def _forget(self) -> None:
        self._permits.clear()
        self._waits.clear()
        self._admitted = []
        self._late = False

    def _learn(self, event: LoggedEvent, permit: Permit | None) -> None:
        """Learn from how old a permit has become: the first's age is that of the way, the others' of those before."""
        if self._limiter is None or permit is None or not self._admitted:
            return
        if event.id == self._admitted[0]:
            self._limiter.learn(permit)
        elif not self._limiter.fresh(permit):
            self._late = True

    async def heard(self, event: LoggedEvent, error: BaseException) -> None:
        """Lower the rate where `error` is the other side's "slow down"."""
        if self._limiter is None or not isinstance(error, SlowDown):
            return
        try:
            await self._limiter.slow_down(self._hit(event, error.key), error.after_s)
        except Unavailable as gone:
            log.warning("slow down not written", lane=self._lane, reason=str(gone))

    def _hit(self, event: LoggedEvent, key: str | None) -> Buckets:
        buckets = self._buckets(event) or ()
        keyed = tuple((rate, name) for rate, name in buckets if rate.by is not None)
        if key is None:
            return keyed or buckets
        return tuple((rate, rate.bucket_of(key)) for rate, _ in keyed) or buckets

    def _buckets(self, event: LoggedEvent) -> Buckets | None:
        """Return what an event needs; None where that cannot be told: `begin` says why, and the event is parked."""
        if self._limiter is None:
            return None
        try:
            return self._limiter.buckets(self._decoded(event))
        except Exception:  # noqa: BLE001 - an event that cannot be read, or a fault in `by`: `begin` raises it again
            return None


class Aside:
    """Events of one batch that must wait, and those behind them: where order is kept, a key's later events wait too."""

    def __init__(self, *, ordered: bool) -> None:
        self.events: list[LoggedEvent] = []
        self.waits_s: list[float] = []
        self._keys: set[str] | None = set() if ordered else None

    def takes(self, event: LoggedEvent, wait_s: float | None) -> bool:
        """Put `event` aside where it must wait, or is behind one that must; return whether that is so."""
        behind = self._keys is not None and event.key in self._keys
        if wait_s is None and not behind:
            return False
        self.events.append(event)
        self.waits_s.append(wait_s or 0.0)
        if self._keys is not None:
            self._keys.add(event.key)
        return True


def _in_turns(events: Sequence[LoggedEvent]) -> Iterator[LoggedEvent]:
    shards: dict[int, list[LoggedEvent]] = {}
    for event in events:
        shards.setdefault(event.shard, []).append(event)
    for row in zip_longest(*shards.values()):
        for event in row:
            if event is not None:
                yield event

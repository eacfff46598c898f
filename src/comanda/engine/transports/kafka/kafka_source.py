"""Kafka as a lane's source: which partitions we read is Kafka's word, which shards we may commit is the cursor table's.

A partition that the group assigns to this process is taken in the cursor table too, under a new epoch and for the
length of a lease; only then it is read, from the offset that was committed with the last effect. So a worker that Kafka
believes dead and that wakes up late has its commit refused, and finds by its own clock that it must not call anyone.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import ComandaError, Fenced, Unavailable
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.service import Loop, wait_until_set
from comanda.engine.transports.kafka.progress import Progress
from comanda.engine.transports.kafka.subscription import Subscription
from comanda.engine.transports.kafka.windows import Windows

log = structlog.get_logger(__name__)

TAKE_EVERY_S = 0.1
"""How often a shard is asked for that another still holds."""

MISSED_S = 10.0
"""How long a partition rests in which events are missing, before it is looked at again."""

PASS_BY_EVERY_S = 5.0
"""How often cursors are moved past events that are not for the lane."""

READY_EVERY_S = 1.0
"""How often Kafka is asked for that does not answer."""

GIVE_S = 1.0
"""How long the giving back of leases may hold up the group."""


class KafkaSource:
    """Brings a consumer its events from Kafka.

    Args:
        settings: tells librdkafka's, with the group's.
        ready: returns once the topic is there, or raises; see `Topic`.
        wake: called when there is more to read.
    """

    def __init__(
        self,
        names: Sequence[str] | None,
        progress: Progress,
        *,
        settings: Callable[[], dict[str, Any]],
        topic: str,
        ready: Callable[[Callable[[], bool]], Awaitable[None]],
        wake: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._progress = progress
        self._ready = ready
        self._wake = wake
        self._clock = clock
        self._windows = Windows()
        self._subscription = Subscription(settings, topic, names, self._windows, self)
        self._loop = Loop("kafka source", self._run)
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._look_now = asyncio.Event()
        self._epochs: dict[int, int] = {}
        self._rests_until: dict[int, float] = {}
        self._renewed_at = 0.0
        self._passed_at = 0.0
        self._valid_until = 0.0
        self._broken = False

    async def start(self) -> None:
        """Begin to join the group. A Kafka that does not answer yet is waited for in the background."""
        self._event_loop = asyncio.get_running_loop()
        await self._loop.start()

    async def stop(self) -> None:
        """Give the partitions back and end. The process keeps its place in the group for the length of a session."""
        self._look_now.set()
        await self._loop.stop()

    async def read(self, limit: int) -> list[LoggedEvent]:
        """Return up to `limit` events, each partition's in order."""
        self._broken = False
        return self._windows.read(limit)

    async def unseen(self, tx: Transaction, events: Sequence[LoggedEvent], *, moving: bool) -> list[LoggedEvent]:
        """Return those beyond the cursor; raise `Fenced` when a partition of theirs is not ours."""
        with self._looking_again():
            return await self._progress.unseen(tx, events, moving=moving)

    async def move(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        """Move the cursors and the offsets past `events`; raise `Fenced` when a partition of theirs is not ours."""
        with self._looking_again():
            await self._progress.move(tx, events)

    async def acknowledge(self, events: Sequence[LoggedEvent]) -> None:
        """Forget them: the cursor has been moved."""
        self._windows.acknowledge(events)

    def valid(self) -> bool:
        """Whether our leases hold for sure, of all that was read last."""
        return not self._broken and self._clock.monotonic() < self._valid_until

    # What follows is called by the subscription's thread.

    def assigned(self) -> None:
        """Take the shards of new partitions soon."""
        self._later(self._look_now.set)

    def arrived(self) -> None:
        """Wake the lane."""
        self._later(self._wake)

    def revoked(self, shards: Sequence[int], *, lost: bool) -> None:
        """Give the leases back, unless the lane is still at something of theirs: then they end by themselves."""
        loop = self._event_loop
        if loop is None or loop.is_closed():
            return
        giving = asyncio.run_coroutine_threadsafe(self._release(shards, lost=lost), loop)
        with contextlib.suppress(TimeoutError, ComandaError):
            giving.result(GIVE_S)

    def missing(self, shard: int, reason: str) -> None:
        """Let a partition rest."""
        log.error(
            "Kafka no longer holds what this lane must read next; the log may: run the workers with "
            "COMANDA_EVENTS_URL=postgres: until the lane has caught up",
            topic_partition=shard,
            reason=reason,
        )
        self._later(lambda: self._rest(shard))

    # And this by the loop.

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self._ready(stopping.is_set)
                break
            except Unavailable as error:
                log.warning("lane waits for Kafka", reason=str(error))
            except ComandaError:
                log.exception("lane cannot read from Kafka")
            await wait_until_set(self._look_now, READY_EVERY_S)
        if stopping.is_set():
            return
        self._subscription.start()
        try:
            while not stopping.is_set():
                self._look_now.clear()
                await self._look_carefully()
                wait_s = TAKE_EVERY_S if self._wanted() else self._progress.lease_s / 3
                await wait_until_set(self._look_now, wait_s)
        finally:
            await self._subscription.stop()

    async def _look_carefully(self) -> None:
        try:
            await self._look()
        except Unavailable as error:
            log.warning("leases could not be looked at", reason=str(error))
        except Fenced as error:
            log.warning("lease lost", reason=str(error))
            self._forget(self._epochs)
        except Exception:
            log.exception("source stumbled")

    async def _look(self) -> None:
        now = self._clock.monotonic()
        if now - self._renewed_at >= self._progress.lease_s / 3:
            await self._renew(now)
        if wanted := self._wanted():
            await self._take(wanted)
        if now - self._passed_at >= PASS_BY_EVERY_S:
            self._passed_at = now
            await self._pass_by()

    def _wanted(self) -> list[int]:
        now = self._clock.monotonic()
        return [
            shard
            for shard in self._subscription.partitions
            if shard not in self._epochs and self._rests_until.get(shard, 0.0) <= now
        ]

    async def _renew(self, now: float) -> None:
        epochs = dict(self._epochs)
        # The leases count from before the question, so that we never believe in them longer than the database does.
        kept = await self._progress.renew(epochs) if epochs else set()
        lost = {shard: epoch for shard, epoch in epochs.items() if shard not in kept}
        if lost:
            log.warning("leases lost", shards=sorted(lost))
            self._forget(lost)
        self._renewed_at = now
        self._valid_until = now + self._progress.lease_s

    async def _take(self, shards: Sequence[int]) -> None:
        asked_at = self._clock.monotonic()
        if not self._epochs:
            self._renewed_at, self._valid_until = asked_at, asked_at + self._progress.lease_s
        for taken in await self._progress.take(shards):
            if taken.shard not in self._subscription.partitions:
                await self._progress.give({taken.shard: taken.epoch})
                continue
            self._epochs[taken.shard] = taken.epoch
            self._windows.open(taken)
            self._subscription.begin(taken)

    async def _pass_by(self) -> None:
        tips = self._windows.passed_by()
        if tips:
            await self._progress.skip(tips)
            self._windows.moved(tips)

    async def _release(self, shards: Sequence[int], *, lost: bool) -> None:
        epochs = {shard: self._epochs[shard] for shard in shards if shard in self._epochs}
        self._forget(epochs)
        if epochs and not lost:
            await self._progress.give(epochs)

    def _forget(self, epochs: Mapping[int, int]) -> None:
        """Stop reading these shards. What the lane is at must not reach the outside any more."""
        for shard in list(epochs):
            self._epochs.pop(shard, None)
            self._broken = self._windows.drop([shard]) or self._broken
            self._subscription.hold(shard)
        self._look_now.set()

    def _rest(self, shard: int) -> None:
        self._rests_until[shard] = self._clock.monotonic() + MISSED_S
        self._forget({shard: 0})

    @contextlib.contextmanager
    def _looking_again(self) -> Iterator[None]:
        try:
            yield
        except Fenced:
            # Which shard it was is found out by asking for all of them again.
            self._renewed_at = 0.0
            self._look_now.set()
            raise

    def _later(self, call: Callable[[], object]) -> None:
        loop = self._event_loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call)

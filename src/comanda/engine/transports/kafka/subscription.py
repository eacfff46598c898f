"""The client of one consumer's group, in a thread of its own.

The thread joins the group, learns which partitions are this process's, and puts what it fetches into the windows.
A partition that was assigned is held still until the cursor table has given us its shard and told the offset (`begin`).
Before a partition is given up, the lane gets a while to finish what it is at.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from comanda.engine.transports.kafka.message import event_of
from comanda.engine.transports.kafka.progress import Taken
from comanda.engine.transports.kafka.topic import reason_of
from comanda.engine.transports.kafka.windows import Missing, Windows

log = structlog.get_logger(__name__)

POLL_S = 0.05
"""How long the thread waits for a message before it looks whether there is something to do; a message ends the wait."""

AT_ONCE = 500
"""Messages taken from the client at once, at most."""

GRACE_S = 2.0
"""How long a partition that is to be given up waits for the lane to finish what it is at."""

FRESH_S = 1.0
"""Pause before a client that has failed for good is followed by another."""

MOST_TRIES = 200
"""How often a partition's reading is begun in vain, before the client is given up; ten seconds of turns."""

RANGE_S = 1.0
"""How long a question for a partition's first and last offsets may take."""

OUT_OF_RANGE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001 - its public name


TAKEN_NAME = frozenset({KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID})  # noqa: SLF001 - its public name


class Assignments(Protocol):
    """Who wants to know what the group decides. Called in the thread."""

    def assigned(self) -> None:
        """More partitions are ours to read: `Subscription.partitions` says which."""

    def revoked(self, shards: Sequence[int], *, lost: bool) -> None:
        """These are no longer; their windows are closed. Return when their leases are given back."""

    def missing(self, shard: int, reason: str) -> None:
        """What is to be read next from this partition is not there."""

    def arrived(self) -> None:
        """There is something new to read."""


class Subscription:
    """Reads a topic as a member of a group.

    Args:
        settings: tells librdkafka's, with the group's, when the thread starts.
        names: of the events that are wanted; None for all.
    """

    def __init__(
        self,
        settings: Callable[[], dict[str, Any]],
        topic: str,
        names: Sequence[str] | None,
        windows: Windows,
        assignments: Assignments,
    ) -> None:
        self._settings = settings
        self._group = ""
        self._topic = topic
        self._names = None if names is None else frozenset(names)
        self._windows = windows
        self._assignments = assignments
        self._orders: SimpleQueue[Callable[[Consumer], bool]] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._running: set[int] = set()
        self._held_up = False
        self._tries: dict[int, int] = {}
        self.partitions: frozenset[int] = frozenset()

    def start(self) -> None:
        """Start the thread."""
        settings = self._settings()
        self._group = settings["group.id"]
        self._thread = threading.Thread(target=self._run, args=[settings], name=f"kafka {self._group}", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Leave, and return when the thread has ended."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def begin(self, taken: Taken) -> None:
        """Read a partition whose window is open, from its offset on, or from its beginning."""
        self._orders.put(lambda client: self._begin(client, taken))

    def hold(self, shard: int) -> None:
        """Read no more from a partition until `begin`."""
        self._orders.put(lambda client: self._hold(client, [shard]))

    def _run(self, settings: dict[str, Any]) -> None:
        while not self._stopping.is_set():
            try:
                self._follow(Consumer(settings))
            except KafkaException as error:
                log.warning("client of Kafka failed; another follows", group=self._group, error=str(error))
                if reason_of(error).code() in TAKEN_NAME:
                    # Whoever has our name now keeps it; this process goes on without one.
                    settings.pop("group.instance.id", None)
                self._stopping.wait(FRESH_S)
            except Exception:
                log.exception("client of Kafka stumbled; another follows", group=self._group)
                self._stopping.wait(FRESH_S)

    def _follow(self, client: Consumer) -> None:
        try:
            client.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
            while not self._stopping.is_set():
                self._obey(client)
                first = client.poll(POLL_S)
                if first is not None:
                    self._take_in(client, [first, *client.consume(AT_ONCE - 1, 0)])
                self._hold_or_go_on(client)
        finally:
            client.close()
            self._give_up(sorted(self.partitions), lost=True)

    def _obey(self, client: Consumer) -> None:
        """Do what was ordered; what cannot be done yet is tried in the next turn, after what waits by then."""
        while True:
            try:
                order = self._orders.get_nowait()
            except Empty:
                return
            if not order(client):
                self._orders.put(order)
                return

    def _begin(self, client: Consumer, taken: Taken) -> bool:
        shard = taken.shard
        if shard not in self.partitions or self._windows.epoch(shard) != taken.epoch:
            return True
        place = TopicPartition(self._topic, shard, OFFSET_BEGINNING if taken.offset is None else taken.offset)
        try:
            # Asked before, for a client that has run into an offset which is not there reads this partition no more.
            if taken.offset is not None and (reason := _missing(client, place)):
                self._assignments.missing(shard, reason)
                return True
            client.seek(place)
        except KafkaException as error:
            # The client has not got as far with this partition, or with its brokers.
            self._tries[shard] = self._tries.get(shard, 0) + 1
            if self._tries[shard] > MOST_TRIES:
                raise
            log.debug("not yet", group=self._group, partition=shard, error=str(error))
            return False
        self._tries.pop(shard, None)
        self._running.add(shard)
        if not self._held_up:
            client.resume([TopicPartition(self._topic, shard)])
        return True

    def _hold(self, client: Consumer, shards: Sequence[int]) -> bool:
        ours = [shard for shard in shards if shard in self.partitions]
        self._running.difference_update(ours)
        client.pause([TopicPartition(self._topic, shard) for shard in ours])
        return True

    def _hold_or_go_on(self, client: Consumer) -> None:
        running = [TopicPartition(self._topic, shard) for shard in self._running]
        if self._windows.full and not self._held_up:
            self._held_up = True
            client.pause(running)
        elif self._held_up and self._windows.roomy:
            self._held_up = False
            client.resume(running)

    def _take_in(self, client: Consumer, messages: Sequence[Message]) -> None:
        news = False
        missing: dict[int, str] = {}
        for message in messages:
            error, shard = message.error(), message.partition()
            if error is None:
                try:
                    news = self._put(message) or news
                except Missing as gap:
                    missing[gap.shard] = str(gap)
            elif error.fatal():
                raise KafkaException(error)
            elif error.code() in OUT_OF_RANGE and shard in self._running:
                missing[shard] = error.str()
            else:
                log.warning("Kafka", group=self._group, error=error.str())
        if news:
            self._assignments.arrived()
        for shard, reason in missing.items():
            self._hold(client, [shard])
            self._assignments.missing(shard, reason)

    def _put(self, message: Message) -> bool:
        shard, offset = message.partition(), message.offset()
        if shard is None or offset is None:
            return False
        epoch = self._windows.epoch(shard)
        if epoch is None:
            return False
        try:
            event = event_of(message, epoch)
        except ValueError as error:
            log.warning("no event of ours, passed over", partition=shard, offset=offset, reason=str(error))
            self._windows.pass_over(shard, epoch, offset + 1)
            return False
        return self._windows.put(event, wanted=self._names is None or event.name in self._names)

    def _on_assign(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        # From where there is something: one that fails before it is held still could not be begun any more, and one
        # that asks where to begin would go there after it has been told.
        client.incremental_assign(_beginnings(client, partitions))
        client.pause([TopicPartition(self._topic, each.partition) for each in partitions])
        self.partitions |= {each.partition for each in partitions}
        self._assignments.assigned()

    def _on_revoke(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up([each.partition for each in partitions], lost=False)
        client.incremental_unassign(partitions)

    def _on_lost(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up([each.partition for each in partitions], lost=True)
        client.incremental_unassign(partitions)

    def _give_up(self, shards: Sequence[int], *, lost: bool) -> None:
        if shards:
            self.partitions -= set(shards)
            self._running.difference_update(shards)
            finished = not lost and self._windows.close(shards, GRACE_S)
            self._assignments.revoked(shards, lost=not finished)


def _missing(client: Consumer, place: TopicPartition) -> str | None:
    """Return why a partition cannot be read from an offset on, or None; raise `KafkaException` without an answer."""
    first, end = _range(client, place)
    if first <= place.offset <= end:
        return None
    return f"Offset {place.offset} is due, and there are {first} to {end}."


def _beginnings(client: Consumer, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
    """Return partitions with their first offsets; 0 where the brokers do not say."""
    firsts = dict.fromkeys((each.partition for each in partitions), 0)
    with contextlib.suppress(KafkaException):
        for each in partitions:
            firsts[each.partition], _ = _range(client, each)
    return [TopicPartition(each.topic, each.partition, firsts[each.partition]) for each in partitions]


def _range(client: Consumer, partition: TopicPartition) -> tuple[int, int]:
    answer: tuple[int, int] | None = client.get_watermark_offsets(partition, RANGE_S)
    if answer is None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
    return answer

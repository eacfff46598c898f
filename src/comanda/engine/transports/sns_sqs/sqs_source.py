"""A consumer's queue as the source of its lane.

Messages are received ahead of the lane into a bounded buffer, and stay ours by extending their visibility until the
lane has handled them; what becomes of them is the lane's. A message that holds no event of ours is left alone: SQS
receives it again and again, and then moves it to the queue's dead letters.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced, Unavailable
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.service import Loop, wait_until_set
from comanda.engine.transports.sns_sqs.batches import MOST, cut
from comanda.engine.transports.sns_sqs.buffer import Buffer, Held
from comanda.engine.transports.sns_sqs.clients import FAILURES, POLL_S
from comanda.engine.transports.sns_sqs.envelope import MalformedMessage, disclose
from comanda.engine.transports.sns_sqs.inbox import Inbox
from comanda.engine.transports.sns_sqs.queue import Queue, Received
from comanda.engine.transports.sns_sqs.threads import Threads
from comanda.engine.transports.sns_sqs.watermark import Watermark

log = structlog.get_logger(__name__)

RECEIVERS = 4
"""Receives of one source side by side, while its queue has more than one brings. An empty queue is asked by one."""

CALLS = 8
"""Deletions and extensions of one source side by side."""

BATCHES_AHEAD = 3
"""How many of the lane's batches are received ahead of it; see `MOST_AHEAD`."""

MOST_AHEAD = 1000
"""Events in one buffer, whatever the lane's batches are."""

RESTING_S = 15.0
"""A lane that has not read for so long (it is paused) gets nothing more, and others get what waits for it."""

LOST_S = 60.0
"""After so long it has not even what it last read: no batch takes that long."""

HEARD = 0.8
"""The part of our time for a message that we count on when we have received it; the rest is for the way to us."""

KEPT = 0.6
"""The part of our time for a message below which it is extended."""

FOLLOW_S = 0.3
"""How long a stop waits for the cursors to follow a last time."""

LEAVE_S = 0.05
"""How long a stop waits for a receive under way; one that takes longer gives back what it brings by itself."""

GIVE_BACK_S = 2.0
"""How long a stop waits until all that was not handled is given back."""

FAILED_S = 1.0
"""Pause after a call that failed."""


class SqsSource:
    """Brings one consumer the events of its queue.

    Args:
        find: returns the consumer's queue, which it makes when it is missing; raises `Unavailable`.
        lose: called when a call failed: the queue may be gone, and is looked for anew.
        inbox: of the consumer.
        watermark: of the consumer.
        ordered: whether the queue keeps the order of each key.
        wake: called when there is something to read.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        find: Callable[[], Awaitable[Queue]],
        lose: Callable[[Exception], None],
        inbox: Inbox,
        watermark: Watermark,
        ordered: bool,
        visibility_s: int,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._names = consumer.names
        self._find = find
        self._lose = lose
        self._inbox = inbox
        self._watermark = watermark
        self._visibility_s = visibility_s
        self._clock = clock
        self._wake = wake
        self._buffer = Buffer(min(BATCHES_AHEAD * consumer.size, MOST_AHEAD), ordered=ordered)
        self._handed: dict[int, LoggedEvent] = {}
        self._read_at = clock.monotonic()
        self._polls = Threads(f"sqs receive {consumer.name}", RECEIVERS)
        self._calls = Threads(f"sqs {consumer.name}", CALLS)
        self._stopped = False
        self._room = asyncio.Event()
        self._flowing = asyncio.Event()
        self._receivers = [
            Loop(f"sqs receiver {consumer.name}", self._receiving(always=number == 0), grace_s=LEAVE_S)
            for number in range(RECEIVERS)
        ]
        self._keepers = [
            Loop(f"sqs keeper {consumer.name}", self._keep),
            Loop(f"sqs watermark {consumer.name}", watermark.run, grace_s=FOLLOW_S),
        ]

    async def start(self) -> None:
        """Begin to receive. A queue that cannot be reached is waited for."""
        if not self._stopped:
            for loop in (*self._receivers, *self._keepers):
                await loop.start()

    async def stop(self) -> None:
        """Receive no more, and give back what was not handled, so that another worker has it at once."""
        self._stopped = True
        stopping = [asyncio.create_task(loop.stop()) for loop in (*self._receivers, *self._keepers)]
        await asyncio.sleep(0)  # Lets each loop set its flag, before those that wait are woken to see it.
        self._room.set()
        self._flowing.set()
        self._watermark.fall_behind()
        await asyncio.gather(*stopping)
        left = self._buffer.remove(self._buffer.first(len(self._buffer)))
        self._handed.clear()
        if left:
            try:
                async with asyncio.timeout(GIVE_BACK_S):
                    await self._set_visibility(left, 0)
            except (TimeoutError, Unavailable, *FAILURES) as error:
                log.warning("messages not given back", lane=self._consumer.name, count=len(left), error=str(error))

    async def read(self, limit: int) -> list[LoggedEvent]:
        """Return up to `limit` events, in the order in which they came."""
        self._read_at = self._clock.monotonic()
        self._drop([held.event for held in self._buffer.select(self._lapsed)])
        events = self._buffer.first(limit)
        self._handed = {event.id: event for event in events}
        for held in self._buffer.get(events):
            held.claimed_until = math.inf  # Whoever reads it again claims it again.
        self._room.set()
        return events

    async def unseen(self, tx: Transaction, events: Sequence[LoggedEvent], *, moving: bool) -> Sequence[LoggedEvent]:
        """Return those that are not in the inbox; where `move` does not follow, claim them."""
        if moving:
            return await self._inbox.unseen(tx, events)
        held = self._buffer.get(events)
        now = self._clock.monotonic()
        until = min((each.until for each in held), default=now)
        if len(held) < len(events) or until <= now:
            raise Fenced(f"{self._consumer.name}: our time for these messages is over.")
        for each in held:
            each.claimed_until = until
        elsewhere = await self._inbox.claim(tx, events, until - now)
        if elsewhere:
            self._drop(elsewhere)
            raise Fenced(f"{self._consumer.name}: another worker is about to handle the same events.")
        return await self._inbox.unseen(tx, events)

    async def move(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        """Write `events` into the inbox; raise `Fenced` when another was first."""
        await self._inbox.write(tx, events)

    async def acknowledge(self, events: Sequence[LoggedEvent]) -> None:
        """Delete the messages of `events`."""
        gone = self._buffer.remove(events)
        self._inbox.forget(events)
        for event in events:
            self._handed.pop(event.id, None)
        self._room.set()
        self._watermark.fall_behind()
        await self._delete([receipt for held in gone for receipt in held.receipts.values()])

    def valid(self) -> bool:
        """Whether our time for what was read and is not acknowledged has not ended."""
        held = self._buffer.get(self._handed.values())
        ends = min((min(each.until, each.claimed_until) for each in held), default=math.inf)
        return len(held) == len(self._handed) and self._clock.monotonic() < ends

    @property
    def polling(self) -> bool:
        """Whether a receive is under way."""
        return self._polls.under_way > 0

    def _lapsed(self, held: Held) -> bool:
        return held.until <= self._clock.monotonic()

    def _drop(self, lost: Sequence[LoggedEvent]) -> None:
        """Let go of events that are ours no more. To the lane they stay handed out, so that it is told by `valid`."""
        self._inbox.forget([held.event for held in self._buffer.drop(lost)])

    def _receiving(self, *, always: bool) -> Callable[[asyncio.Event], Awaitable[None]]:
        async def receive(stopping: asyncio.Event) -> None:
            while not stopping.is_set():
                if not always:
                    await self._flowing.wait()
                if stopping.is_set() or not await self._may_receive():
                    continue
                try:
                    await self._receive(POLL_S if always else 1)
                except (Unavailable, *FAILURES) as error:
                    self._lose(error)
                    log.warning("queue not received from", lane=self._consumer.name, error=str(error))
                    await wait_until_set(stopping, FAILED_S)
                finally:
                    self._buffer.release()

        return receive

    async def _may_receive(self) -> bool:
        """Reserve room, or wait a while for some."""
        self._room.clear()
        if self._clock.monotonic() - self._read_at < RESTING_S and self._buffer.reserve():
            return True
        await wait_until_set(self._room, FAILED_S)
        return False

    async def _receive(self, wait_s: int) -> None:
        queue = await self._find()

        def receive() -> tuple[list[Received], float]:
            # SQS counts our time from when it answers, which we hear a little later. Where we hear it so much later
            # that we believe in a message too long, the inbox decides between us and who has it now.
            return queue.receive(wait_s=wait_s), self._clock.monotonic() + HEARD * self._visibility_s

        received, until = await self._polls.run(receive, abandoned=lambda result: queue.give_back(result[0]))
        await self._delete(self._take(received, until))

    def _take(self, received: Sequence[Received], until: float) -> list[str]:
        """Take messages into the buffer; return the receipts of those that the lane does not want."""
        unwanted = []
        if len(received) == MOST:
            self._flowing.set()
        elif not received and not self._stopped:
            self._flowing.clear()
        for message in received:
            try:
                event = disclose(message.body)
            except MalformedMessage as error:
                log.warning("message left to the dead letters", lane=self._consumer.name, error=str(error))
                continue
            if self._names is None or event.name in self._names:
                self._buffer.put(event, message.id, message.receipt, until=until, size=len(message.body))
            else:
                unwanted.append(message.receipt)
        if len(unwanted) < len(received):
            self._wake()
        return unwanted

    async def _keep(self, stopping: asyncio.Event) -> None:
        """Extend what is in hand before its time ends, or give it back where the lane rests."""
        while not await wait_until_set(stopping, self._visibility_s / 4):
            now = self._clock.monotonic()
            try:
                if now - self._read_at >= RESTING_S:
                    await self._give_back_idle(even_handed=now - self._read_at >= LOST_S)
                await self._extend(now + KEPT * self._visibility_s)
            except (Unavailable, *FAILURES) as error:
                # Their time runs on; it may be enough for the next look.
                log.warning("messages not extended", lane=self._consumer.name, error=str(error))

    async def _give_back_idle(self, *, even_handed: bool) -> None:
        idle = self._buffer.select(lambda held: even_handed or held.event.id not in self._handed)
        self._buffer.remove([held.event for held in idle])
        await self._set_visibility(idle, 0)

    async def _extend(self, soon: float) -> None:
        """Extend all whose time ends before `soon`."""
        held = self._buffer.select(lambda each: each.until < soon)
        asked_at = self._clock.monotonic()
        lost = await self._set_visibility(held, self._visibility_s)
        for each in held:
            if lost.isdisjoint(each.receipts.values()):
                each.until = asked_at + self._visibility_s
        self._drop([each.event for each in held if not lost.isdisjoint(each.receipts.values())])

    async def _set_visibility(self, held: Sequence[Held], seconds: int) -> set[str]:
        receipts = [receipt for each in held for receipt in each.receipts.values()]
        if not receipts:
            return set()
        queue = await self._find()

        async def extend(batch: Sequence[str]) -> set[str]:
            return await self._calls.run(lambda: queue.extend(batch, seconds))

        lost = await asyncio.gather(*(extend(batch) for batch in cut(receipts)))
        return set().union(*lost)

    async def _delete(self, receipts: Sequence[str]) -> None:
        async def delete(batch: Sequence[str]) -> None:
            await self._calls.run(lambda: queue.delete(batch))

        try:
            queue = await self._find()
            await asyncio.gather(*(delete(batch) for batch in cut(receipts)))
        except (Unavailable, *FAILURES) as error:
            log.warning("messages not deleted; they come again", lane=self._consumer.name, error=str(error))

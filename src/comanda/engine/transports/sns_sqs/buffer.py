"""What was received and is not acknowledged: in order, bounded, each with the end of our time for it."""

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.sns_sqs.batches import MOST

MOST_BYTES = 16 * 1024**2
"""Bytes of bodies in one buffer beyond which no more are received."""


class Held(msgspec.Struct):
    """An event in hand.

    Attributes:
        receipts: by message; a standard queue can bring an event twice, and each copy has to be deleted.
        until: when our time for it ends, on the monotonic clock.
        size: bytes of its body.
        claimed_until: when our claim in the inbox ends, which is not extended as the message is; none yet is no end.
    """

    event: LoggedEvent
    receipts: dict[str, str]
    until: float
    size: int
    claimed_until: float = math.inf


class Buffer:
    """Events in the order in which they were received.

    Args:
        most: events in hand beyond which no more are received, room for those on their way included.
        ordered: whether the order within a key matters: then no event of a key stays when an earlier one has gone.
    """

    def __init__(self, most: int, *, ordered: bool) -> None:
        self._most = max(most, MOST)
        self._ordered = ordered
        self._held: dict[int, Held] = {}
        self._bytes = 0
        self._expected = 0

    def __len__(self) -> int:
        return len(self._held)

    def reserve(self) -> bool:
        """Keep room for what one receive may bring; return False when there is none."""
        if self._bytes >= MOST_BYTES or len(self._held) + self._expected + MOST > self._most:
            return False
        self._expected += MOST
        return True

    def release(self) -> None:
        """Give the room of one receive back, when what it brought is in hand."""
        self._expected -= MOST

    def put(self, event: LoggedEvent, message: str, receipt: str, *, until: float, size: int) -> None:
        """Take an event into hand. One that is there already gets one more receipt, and the later end."""
        held = self._held.get(event.id)
        if held is None:
            self._held[event.id] = Held(event, {message: receipt}, until, size)
            self._bytes += size
        else:
            held.receipts[message] = receipt
            held.until = max(held.until, until)

    def first(self, count: int) -> list[LoggedEvent]:
        """Return the first `count` events."""
        return [held.event for held, _ in zip(self._held.values(), range(count), strict=False)]

    def get(self, events: Iterable[LoggedEvent]) -> list[Held]:
        """Return what is in hand of `events`."""
        return [self._held[event.id] for event in events if event.id in self._held]

    def select(self, condition: Callable[[Held], bool]) -> list[Held]:
        """Return what fulfils a condition."""
        return [held for held in self._held.values() if condition(held)]

    def remove(self, events: Iterable[LoggedEvent]) -> list[Held]:
        """Let events go that were handled, and return them."""
        gone = self.get(events)
        for held in gone:
            del self._held[held.event.id]
            self._bytes -= held.size
        return gone

    def drop(self, lost: Sequence[LoggedEvent]) -> list[Held]:
        """Let events go that are ours no more, and where order matters all others of their keys; return them."""
        if not lost:
            return []
        keys = {event.key for event in lost} if self._ordered else set()
        ids = {event.id for event in lost}
        return self.remove([h.event for h in self._held.values() if h.event.id in ids or h.event.key in keys])

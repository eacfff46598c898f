"""What was fetched and not acknowledged yet: a window on each partition, between the client's thread and the lane.

The thread puts in, the lane takes out. The check for duplicates stands here: within a partition the relay publishes in
the log's order, so that an event that does not lie beyond all before it was published again.
"""

import threading
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from comanda.engine.errors import ComandaError
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka.message import Place
from comanda.engine.transports.kafka.progress import Taken

MOST = 2000
MOST_BYTES = 16 * 1024 * 1024
"""Events, and bytes of their payloads, in all windows of a lane: at either the client stops to fetch."""


class Missing(ComandaError):
    """A partition goes on at a later offset than the one that is due."""

    def __init__(self, shard: int, due: int, found: int) -> None:
        super().__init__(f"Partition {shard} goes on at offset {found}, and {due} was due.")
        self.shard = shard


@dataclass
class Window:
    """One partition's.

    Attributes:
        epoch: under which its shard is ours.
        seen: the log's (position, id) of the last event that came in, or was behind the cursor when it was taken.
        offset: what follows it; None where the partition is read from its beginning.
        moved: whether the cursor stands at `seen`, or will when all events here are handled.
        lent: how many of the events the lane is at.
        closing: whether it only waits for those.
    """

    epoch: int
    seen: tuple[int, int]
    offset: int | None
    moved: bool = True
    events: deque[LoggedEvent] = field(default_factory=deque)
    lent: int = 0
    closing: bool = False


class Windows:
    """All windows of one lane. Safe to use from two threads."""

    def __init__(self) -> None:
        self._windows: dict[int, Window] = {}
        self._changed = threading.Condition()
        self._count = 0
        self._bytes = 0
        self._first = 0

    @property
    def full(self) -> bool:
        """Whether no more should be fetched now."""
        return self._count >= MOST or self._bytes >= MOST_BYTES

    @property
    def roomy(self) -> bool:
        """Whether fetching should go on where it had stopped."""
        return self._count <= MOST // 2 and self._bytes <= MOST_BYTES // 2

    def open(self, taken: Taken) -> None:
        """Begin to let a shard's events in."""
        with self._changed:
            self._drop(taken.shard)
            self._windows[taken.shard] = Window(taken.epoch, taken.behind, taken.offset)

    def epoch(self, shard: int) -> int | None:
        """Return the epoch of a shard whose events are let in, or None."""
        window = self._windows.get(shard)
        return None if window is None or window.closing else window.epoch

    def put(self, event: LoggedEvent, *, wanted: bool) -> bool:
        """Let an event in; return whether there is something new to read. Raises `Missing`."""
        with self._changed:
            window = self._windows.get(event.shard)
            if window is None or window.closing or window.epoch != event.place.epoch:
                return False
            self._follow(window, event.shard, event.place.offset)
            if self._was_published_before(window, event):
                return False
            window.seen = (event.position, event.id)
            window.moved = wanted
            if wanted:
                window.events.append(event)
                self._count += 1
                self._bytes += len(event.payload)
            return wanted

    def pass_over(self, shard: int, epoch: int, offset: int) -> None:
        """Pass over what is no event of the log and ends before `offset`. Raises `Missing`."""
        with self._changed:
            window = self._windows.get(shard)
            if window is not None and window.epoch == epoch:
                self._follow(window, shard, offset)

    def read(self, limit: int) -> list[LoggedEvent]:
        """Lend up to `limit` events from the windows' beginnings, another window first each time."""
        with self._changed:
            shards = sorted(self._windows)
            turned = shards[self._first % len(shards) :] + shards[: self._first % len(shards)] if shards else []
            self._first += 1
            lent: list[LoggedEvent] = []
            for shard in turned:
                window = self._windows[shard]
                room = 0 if window.closing else min(limit - len(lent), len(window.events))
                lent += [window.events[place] for place in range(room)]
                window.lent = room
            self._changed.notify_all()
            return lent

    def acknowledge(self, events: Iterable[LoggedEvent]) -> None:
        """Forget events, which were handled."""
        with self._changed:
            for event in events:
                window = self._windows.get(event.shard)
                if window is None or window.epoch != event.place.epoch:
                    continue
                while window.events and _place(window.events[0]) <= _place(event):
                    self._forget(window.events.popleft())
                    window.lent = max(0, window.lent - 1)
            self._changed.notify_all()

    def close(self, shards: Collection[int], wait_s: float) -> bool:
        """Let nothing in any more, and wait until the lane is done with what it has been lent; return whether it is.

        Called by the thread.
        """
        with self._changed:
            closing = [self._windows[shard] for shard in shards if shard in self._windows]
            for window in closing:
                window.closing = True
                while len(window.events) > window.lent:
                    self._forget(window.events.pop())
            return self._changed.wait_for(lambda: not any(window.lent for window in closing), wait_s)

    def drop(self, shards: Iterable[int]) -> bool:
        """Forget all about these shards; return whether the lane was at events of theirs."""
        with self._changed:
            busy = [self._drop(shard) for shard in shards]
            return any(busy)

    def passed_by(self) -> dict[int, tuple[int, int, Place]]:
        """Return how far shards can be moved whose events were all handled, or were none that the lane wants."""
        with self._changed:
            return {
                shard: (*window.seen, Place(window.epoch, window.offset))
                for shard, window in self._windows.items()
                if not (window.moved or window.events or window.closing) and window.offset is not None
            }

    def moved(self, tips: dict[int, tuple[int, int, Place]]) -> None:
        """Note that the cursors have been moved so far."""
        with self._changed:
            for shard, (position, number, place) in tips.items():
                window = self._windows.get(shard)
                if window is not None and (*window.seen, window.epoch) == (position, number, place.epoch):
                    window.moved = True

    def _follow(self, window: Window, shard: int, offset: int) -> None:
        if window.offset is not None and offset > window.offset + 1:
            raise Missing(shard, window.offset, offset - 1)
        window.offset = max(window.offset or 0, offset)

    def _was_published_before(self, window: Window, event: LoggedEvent) -> bool:
        return (event.position, event.id) <= window.seen

    def _drop(self, shard: int) -> bool:
        window = self._windows.pop(shard, None)
        if window is None:
            return False
        for event in window.events:
            self._forget(event)
        busy = window.lent > 0
        window.lent = 0
        return busy

    def _forget(self, event: LoggedEvent) -> None:
        self._count -= 1
        self._bytes -= len(event.payload)


def _place(event: LoggedEvent) -> int:
    place: Place = event.place
    return place.offset

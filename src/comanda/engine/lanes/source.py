"""Where a lane's events come from: the port between the lanes and what carries events to them.

A source brings events at least once, and those of one key in their order. All else (each effect once, retries, dead
letters, rates) is the lane's, and the same over every source. The log itself is a source (`log_source.py`); others
stand in `engine/transports`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from comanda.engine.database.transaction import Record, Transaction
from comanda.engine.service import Service


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event as it was logged, not decoded yet.

    Attributes:
        shard: the log's shard of its key; parked events are kept by it, over every source.
        position: with `id` the order of the log within a shard. See DESIGN, idea 2.
        at: when it was emitted, by the database's clock.
        payload: JSON.
        trace: the W3C `traceparent` of what emitted it, or None.
        place: the source's own note of where it stands there (an epoch, an offset, a receipt).
    """

    shard: int
    position: int
    id: int
    at: datetime
    version: int
    name: str
    key: str
    payload: str
    trace: str | None = None
    place: Any = None


def logged(row: Record, place: Any = None) -> LoggedEvent:
    """Return a row of `engine.events` or `engine.parked` as a `LoggedEvent`."""
    return LoggedEvent(
        row["shard"],
        row["position"],
        row["id"],
        row["at"],
        row["version"],
        row["name"],
        row["key"],
        row["payload"],
        row["trace"],
        place,
    )


class Source(Service, Protocol):
    """Brings one consumer its events, and keeps its progress.

    `read` and `acknowledge` stand outside transactions; `unseen` and `move` belong to the transaction of the effect, so
    that effect and progress are one commit.
    """

    async def read(self, limit: int) -> Sequence[LoggedEvent]:
        """Return what is there now and not acknowledged, oldest first, about `limit` at most; do not wait for more.

        What was returned and is not acknowledged is returned again by the next `read`.
        """
        ...

    async def unseen(self, tx: Transaction, events: Sequence[LoggedEvent], *, moving: bool) -> Sequence[LoggedEvent]:
        """Return which of `events` (of one `read`) have had no effect yet.

        `moving` says whether `move` follows in this transaction. Where it does not, raise `Fenced` here already when
        the events are no longer ours to handle, and keep others from taking them until `tx` ends.
        """
        ...

    async def move(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        """Write in `tx` that `events` were handled, each shard's up to the last; raise `Fenced` when not ours."""
        ...

    async def acknowledge(self, events: Sequence[LoggedEvent]) -> None:
        """Say, after the commit, that `events` were handled. May be lost: they are then brought again, and seen."""
        ...

    def valid(self) -> bool:
        """Whether what was read is ours for sure, by a monotonic clock; to be asked before each call to the outside."""
        ...


Sources = Callable[[Any, Callable[[], None]], Source]
"""Makes the source of a consumer: `(consumer, wake) -> Source`. `wake` is to be called when there is more to read."""

"""The log as a source: reading after a lane's cursors, up to the horizon, and moving the cursors."""

from collections.abc import Mapping, Sequence

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced
from comanda.engine.lanes.horizon import HORIZON
from comanda.engine.lanes.leases import Leases, fence
from comanda.engine.lanes.source import LoggedEvent

READ = f"""
WITH mine AS (
    SELECT c.shard, c.position, c.id, c.epoch FROM engine.cursors c
    JOIN unnest($2::smallint[], $3::bigint[]) AS held (shard, epoch) ON c.shard = held.shard AND c.epoch = held.epoch
    WHERE c.consumer = $1
)
SELECT e.shard, e.position, e.id, e.at, e.version, e.name, e.key, e.payload, e.trace, mine.epoch
FROM mine CROSS JOIN LATERAL (
    SELECT * FROM engine.events e
    WHERE e.shard = mine.shard AND (e.position, e.id) > (mine.position, mine.id) AND e.position < {HORIZON}
    AND ($4::text[] IS NULL OR e.name = ANY ($4::text[]))
    ORDER BY e.position, e.id LIMIT $5
) e
ORDER BY e.shard, e.position, e.id
"""

LOCKED = """
WITH locked AS (
    SELECT c.shard FROM engine.cursors c
    JOIN unnest($2::smallint[], $3::bigint[]) AS held (shard, epoch) ON c.shard = held.shard AND c.epoch = held.epoch
    WHERE c.consumer = $1 ORDER BY c.shard FOR NO KEY UPDATE OF c
)
"""
"""Locks cursors by shard, as their renewal does."""

MOVE = f"""
{LOCKED}
UPDATE engine.cursors c SET position = m.position, id = m.id
FROM locked JOIN unnest($2::smallint[], $4::xid8[], $5::bigint[]) AS m (shard, position, id) ON m.shard = locked.shard
WHERE c.consumer = $1 AND c.shard = locked.shard
"""

SKIP = f"""
{LOCKED}
UPDATE engine.cursors c SET position = {HORIZON}, id = 0
FROM locked
WHERE c.consumer = $1 AND c.shard = locked.shard
AND EXISTS (
    SELECT FROM engine.events e
    WHERE e.shard = c.shard AND (e.position, e.id) > (c.position, c.id) AND e.position < {HORIZON}
)
AND NOT EXISTS (
    SELECT FROM engine.events e
    WHERE e.shard = c.shard AND (e.position, e.id) > (c.position, c.id) AND e.position < {HORIZON}
    AND e.name = ANY ($4::text[])
)
"""

SKIP_EVERY_S = 5.0
"""How often cursors are moved over stretches of the log that hold nothing for their lane."""


class LogSource:
    """Brings a consumer the log's events in the shards that this worker has leased.

    Args:
        names: of the events that are wanted; None for all.
    """

    def __init__(
        self, consumer: str, names: Sequence[str] | None, *, database: Database, leases: Leases, clock: Clock
    ) -> None:
        self._consumer = consumer
        self._names = names
        self._database = database
        self._leases = leases
        self._clock = clock
        self._skipped_at = clock.monotonic()

    async def start(self) -> None:
        """Nothing runs here: the leases are the worker's."""

    async def stop(self) -> None:
        """Nothing runs here."""

    async def read(self, limit: int) -> list[LoggedEvent]:
        """Return up to `limit` events for each shard, in order within each."""
        held = self._leases.held(self._consumer)
        if not held:
            return []
        events = await read(self._database, self._consumer, held, self._names, limit)
        if not events and self._names is not None:
            await self._skip(held, self._names)
        return events

    async def unseen(self, tx: Transaction, events: Sequence[LoggedEvent], *, moving: bool) -> Sequence[LoggedEvent]:
        """Return all: what lies after the cursor has had no effect. The cursor's own move refuses a lost lease."""
        if not moving:
            await fence(tx, self._consumer, {event.shard: event.place for event in events})
        return events

    async def move(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        """Move the cursors past `events`."""
        await move(tx, self._consumer, events)

    async def acknowledge(self, events: Sequence[LoggedEvent]) -> None:
        """Do nothing: the cursor is the acknowledgement."""

    def valid(self) -> bool:
        """Whether this worker's leases hold for sure."""
        return self._leases.valid()

    async def _skip(self, held: Mapping[int, int], names: Sequence[str]) -> None:
        now = self._clock.monotonic()
        if now - self._skipped_at >= SKIP_EVERY_S:
            self._skipped_at = now
            await skip(self._database, self._consumer, held, names)


async def read(
    database: Database, consumer: str, held: Mapping[int, int], names: Sequence[str] | None, limit: int
) -> list[LoggedEvent]:
    """Return up to `limit` events per held shard that `consumer` has not handled, in order within each shard."""
    rows = await database.fetch(READ, consumer, list(held), list(held.values()), names, limit)
    # By position: READ names the columns in the order of the fields, and names would take four times as long.
    return [LoggedEvent(*row.values()) for row in rows]


async def move(tx: Transaction, consumer: str, events: Sequence[LoggedEvent]) -> None:
    """Move the cursors past `events` (in order within each shard, each with its epoch as `place`) in `tx`.

    Raises `Fenced` when a shard's epoch is no longer ours; the transaction must then roll back.
    """
    last = {event.shard: event for event in events}
    moved = await tx.execute(
        MOVE,
        consumer,
        list(last),
        [event.place for event in last.values()],
        [event.position for event in last.values()],
        [event.id for event in last.values()],
    )
    if moved != len(last):
        raise Fenced(f"{consumer}: another worker has taken over.")


async def skip(database: Database, consumer: str, held: Mapping[int, int], names: Sequence[str]) -> None:
    """Move cursors over a stretch of the log in which nothing is for `consumer`, so that it is not read again."""
    await database.fetch(SKIP, consumer, list(held), list(held.values()), names)

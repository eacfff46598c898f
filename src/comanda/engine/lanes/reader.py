"""Reading the log after a lane's cursors, up to the horizon, and moving the cursors."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Record, Transaction
from comanda.engine.errors import Fenced

HORIZON = "pg_snapshot_xmin(pg_current_snapshot())"
"""Below it no transaction can still write: what is read once there stays complete. See DESIGN, idea 2."""

READ = f"""
WITH mine AS (
    SELECT c.shard, c.position, c.id FROM engine.cursors c
    JOIN unnest($2::smallint[], $3::bigint[]) AS held (shard, epoch) ON c.shard = held.shard AND c.epoch = held.epoch
    WHERE c.consumer = $1
)
SELECT e.shard, e.position, e.id, e.at, e.version, e.name, e.key, e.payload
FROM mine CROSS JOIN LATERAL (
    SELECT * FROM engine.events e
    WHERE e.shard = mine.shard AND (e.position, e.id) > (mine.position, mine.id) AND e.position < {HORIZON}
    AND e.name = ANY ($4::text[])
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


class LoggedEvent(msgspec.Struct, frozen=True):
    """A row of the log, not decoded yet."""

    shard: int
    position: int
    id: int
    at: datetime
    version: int
    name: str
    key: str
    payload: str


def logged(row: Record) -> LoggedEvent:
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
    )


async def read(
    database: Database, consumer: str, held: Mapping[int, int], names: Sequence[str], limit: int
) -> list[LoggedEvent]:
    """Return up to `limit` events per held shard that `consumer` has not handled, in order within each shard."""
    rows = await database.fetch(READ, consumer, list(held), list(held.values()), names, limit)
    return [logged(row) for row in rows]


async def move(tx: Transaction, consumer: str, held: Mapping[int, int], events: Sequence[LoggedEvent]) -> None:
    """Move the cursors past `events` (in order within each shard) in `tx`.

    Raises `Fenced` when a shard's epoch is no longer ours; the transaction must then roll back.
    """
    last = {event.shard: event for event in events}
    shards = list(last)
    moved = await tx.execute(
        MOVE,
        consumer,
        shards,
        [held[shard] for shard in shards],
        [last[shard].position for shard in shards],
        [last[shard].id for shard in shards],
    )
    if moved != len(shards):
        raise Fenced(f"{consumer}: another worker has taken over.")


async def skip(database: Database, consumer: str, held: Mapping[int, int], names: Sequence[str]) -> None:
    """Move cursors over a stretch of the log in which nothing is for `consumer`, so that it is not read again."""
    await database.fetch(SKIP, consumer, list(held), list(held.values()), names)

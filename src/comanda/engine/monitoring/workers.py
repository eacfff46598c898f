"""Who works: the workers that have said hello, whether they live, and which shards they hold until when."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.lanes.leases import LIFE_LOCK

WORKERS = """
SELECT w.id, w.host, w.pid, w.lanes, w.started_at, w.alive_until > clock_timestamp() AS renewed, EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = $1::bigint::oid AND l.objid = w.id::oid
    AND l.objsubid = 2 AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS connected
FROM engine.workers w ORDER BY w.id
"""

LEASES = """
SELECT owner, consumer, array_agg(shard ORDER BY shard) AS shards,
    extract(epoch FROM min(leased_until) - clock_timestamp())::float AS left_s
FROM engine.cursors WHERE owner IS NOT NULL AND consumer NOT LIKE '%@%'
GROUP BY owner, consumer ORDER BY owner, consumer
"""
"""Without the second rows that a carrier's partitions have: see `tables.Cursor`."""


class LeaseView(msgspec.Struct, frozen=True):
    """Which of the log's shards a worker holds for a lane, and for how many seconds more; negative when it is over."""

    lane: str
    shards: list[int]
    left_s: float


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker.

    Attributes:
        alive: whether it is connected and has renewed its leases in time.
        hung: whether it is connected, and has not.
        lanes: which it serves.
        leases: what it holds.
    """

    id: int
    host: str
    pid: int
    started_at: datetime
    alive: bool
    hung: bool
    lanes: list[str]
    leases: list[LeaseView]


async def workers(database: Database) -> Sequence[WorkerView]:
    """Return all workers, the oldest first."""
    found = await database.fetch(WORKERS, LIFE_LOCK)
    leases: dict[int, list[LeaseView]] = {}
    for row in await database.fetch(LEASES):
        leases.setdefault(row["owner"], []).append(LeaseView(row["consumer"], row["shards"], row["left_s"]))
    return [
        WorkerView(
            id=row["id"],
            host=row["host"],
            pid=row["pid"],
            started_at=row["started_at"],
            alive=row["connected"] and row["renewed"],
            hung=row["connected"] and not row["renewed"],
            lanes=msgspec.json.decode(row["lanes"], type=list[str]),
            leases=leases.get(row["id"], []),
        )
        for row in found
    ]

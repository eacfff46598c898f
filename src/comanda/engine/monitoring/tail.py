"""The end of the log, for someone who watches: the last events, and then each new one once, in the log's order.

A watcher reads what consumers read: up to the horizon, and from there on from one horizon to the next. So none is
missed that was committed late, and none is shown twice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Record
from comanda.engine.events.log import SHARDS, shard_of
from comanda.engine.lanes.horizon import HORIZON

COLUMNS = "e.id, e.position, e.shard, e.at, e.version, e.name, e.key, e.payload::text AS payload, e.trace"

NOW = f"SELECT {HORIZON}"

LAST = f"""
SELECT {COLUMNS} FROM engine.events e
WHERE e.at >= $1 AND e.position < $2::xid8 AND ($3::text IS NULL OR e.name = $3)
ORDER BY e.id DESC LIMIT $4
"""

LAST_OF_KEY = f"""
SELECT {COLUMNS} FROM engine.events e
WHERE e.at >= $1 AND e.position < $2::xid8 AND ($3::text IS NULL OR e.name = $3) AND e.shard = $5 AND e.key = $6
ORDER BY e.position DESC, e.id DESC LIMIT $4
"""

NEW = f"""
SELECT {COLUMNS} FROM unnest($1::smallint[]) AS s (shard) CROSS JOIN LATERAL (
    SELECT * FROM engine.events e
    WHERE e.shard = s.shard AND e.position >= $2::xid8 AND e.position < $3::xid8
    AND ($4::text IS NULL OR e.name = $4) AND ($5::text IS NULL OR e.key = $5)
    ORDER BY e.position, e.id
) e ORDER BY e.position, e.id
"""


class TailedEvent(msgspec.Struct, frozen=True):
    """An event as it stands in the log."""

    id: int
    position: int
    shard: int
    at: datetime
    version: int
    name: str
    key: str
    payload: msgspec.Raw
    trace: str | None


class LogTail:
    """The end of the log, of one name or one key where that is asked.

    Call `last` once, then `new` as often as you like.
    """

    def __init__(self, database: Database, *, name: str | None = None, key: str | None = None) -> None:
        self._database = database
        self._name = name
        self._key = key
        self._seen: int | None = None

    async def last(self, count: int, since: datetime) -> list[TailedEvent]:
        """Return the last `count` events since `since`, the oldest first."""
        self._seen = horizon = await self._database.fetch_value(NOW)
        arguments: list[Any] = [since, horizon, self._name, count]
        if self._key is None:
            rows = await self._database.fetch(LAST, *arguments)
        else:
            rows = await self._database.fetch(LAST_OF_KEY, *arguments, shard_of(self._key), self._key)
        return [_tailed(row) for row in reversed(rows)]

    async def new(self) -> list[TailedEvent]:
        """Return what can be read now and could not be at the last call, in the log's order."""
        horizon = await self._database.fetch_value(NOW)
        if self._seen is None or horizon <= self._seen:
            self._seen = horizon
            return []
        shards: Sequence[int] = range(SHARDS) if self._key is None else [shard_of(self._key)]
        rows = await self._database.fetch(NEW, list(shards), self._seen, horizon, self._name, self._key)
        self._seen = horizon
        return [_tailed(row) for row in rows]


def _tailed(row: Record) -> TailedEvent:
    return TailedEvent(
        row["id"],
        row["position"],
        row["shard"],
        row["at"],
        row["version"],
        row["name"],
        row["key"],
        msgspec.Raw(row["payload"].encode()),
        row["trace"],
    )

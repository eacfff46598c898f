"""Partitions of time: made ahead, so that old stretches can be archived and dropped whole, and new rows stay together.

A table is cut by a timestamp, or by a UUIDv7 (RFC 9562), whose first 48 bits are the time of its making.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID

from comanda.engine.clock import Clock
from comanda.engine.database.transaction import Transaction

EXISTING = """
SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass
"""


@dataclass(frozen=True, kw_only=True)
class TimePartitions:
    """How a table is cut.

    Attributes:
        table: with its schema; it has a default partition `<table>_default`.
        column: by which it is cut, a timestamp or a UUIDv7.
        kind: which of the two.
        period: the length of a partition.
        ahead: periods for which partitions stand ready beside the present one. What falls outside lands in the default
            partition, and is moved once its own is made.
    """

    table: str
    column: str
    kind: Literal["timestamp", "uuid7"]
    period: Literal["day", "month"]
    ahead: int

    def starts(self, today: date) -> list[date]:
        """Return the first days of the partitions that should stand ready."""
        start = today if self.period == "day" else today.replace(day=1)
        found = [start]
        for _ in range(self.ahead):
            found.append(self.after(found[-1]))
        return found

    def after(self, start: date) -> date:
        """Return the first day of the partition after the one that begins on `start`."""
        if self.period == "day":
            return start + timedelta(days=1)
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)

    def name(self, start: date) -> str:
        """Return the name of the partition that begins on `start`."""
        return f"{self.table}_p{start:%Y%m%d}"

    def bound(self, start: date) -> str:
        """Return the SQL literal of the first value of the partition that begins on `start`."""
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
        if self.kind == "timestamp":
            return f"'{midnight.isoformat()}'"
        return f"'{UUID(int=int(midnight.timestamp() * 1000) << 80)}'"


async def ensure_partitions(tx: Transaction, tables: Iterable[TimePartitions], clock: Clock) -> list[str]:
    """Make the partitions that should stand ready and do not; return the names of those made.

    Run at every migration and by a periodic of the worker. It takes a lock that lets rows be written and read, and
    a short exclusive one on the default partition, for which it waits a second at most; the next run tries again.
    """
    today = clock.now().astimezone(UTC).date()
    made = []
    for parts in tables:
        existing = {row["name"] for row in await tx.fetch(EXISTING, parts.table)}
        missing = [start for start in parts.starts(today) if parts.name(start) not in existing]
        if missing:
            await tx.execute("SET LOCAL lock_timeout = '1s'")
            await tx.execute(f"LOCK TABLE {parts.table} IN SHARE UPDATE EXCLUSIVE MODE")
        made += [parts.name(start) for start in missing if await _make(tx, parts, start)]
    return made


async def _make(tx: Transaction, parts: TimePartitions, start: date) -> bool:
    name, table, column = parts.name(start), parts.table, parts.column
    if await tx.fetch_value("SELECT to_regclass($1)", name) is not None:
        return False
    since, until = parts.bound(start), parts.bound(parts.after(start))
    await tx.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL EXCLUDING IDENTITY)")
    await tx.execute(f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE")
    await tx.execute(
        f"WITH moved AS (DELETE FROM {table}_default WHERE {column} >= {since} AND {column} < {until} RETURNING *) "
        f"INSERT INTO {name} SELECT * FROM moved"
    )
    await tx.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({since}) TO ({until})")
    return True

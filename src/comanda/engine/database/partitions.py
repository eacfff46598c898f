"""Partitions of time, made ahead: old stretches can be archived and dropped whole, and new rows stay together."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date

from comanda.engine.clock import Clock
from comanda.engine.database.transaction import Transaction
from comanda.engine.periods import TimePartitions

EXISTING = """
SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1
"""

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"


async def ensure_partitions(tx: Transaction, tables: Iterable[TimePartitions], clock: Clock) -> list[str]:
    """Make the partitions that should stand ready and do not; return the names of those made.

    Run at every migration and by a periodic of the worker. It takes a lock that lets rows be written and read, and
    a short exclusive one on the default partition, for which it waits a second at most; the next run tries again.
    """
    today = clock.now().astimezone(UTC).date()
    made = []
    for parts in tables:
        existing = set(await partitions(tx, parts))
        missing = [start for start in parts.starts(today) if start not in existing]
        if missing:
            await tx.execute(LOCK_TIMEOUT)
            await tx.execute(f"LOCK TABLE {parts.table} IN SHARE UPDATE EXCLUSIVE MODE")
        made += [parts.name(start) for start in missing if await _make(tx, parts, start)]
    return made


async def partitions(tx: Transaction, parts: TimePartitions) -> list[date]:
    """Return the first days of the partitions that stand, the oldest first."""
    starts = [parts.start_of(row["name"]) for row in await tx.fetch(EXISTING, parts.table)]
    return sorted(start for start in starts if start is not None)


async def partition_left_over(tx: Transaction, parts: TimePartitions, before: date) -> str | None:
    """Make the partition of the oldest row that fell into the default partition, where it is from before `before`.

    So it was when no worker had made partitions for longer than `ahead`. Return the name of what was made, or None:
    then there is no such row. For tables that are cut by a timestamp.
    """
    oldest = await tx.fetch_value(f"SELECT min({parts.column}) FROM {parts.table}_default")
    if oldest is None or oldest.astimezone(UTC).date() >= before:
        return None
    [start] = replace(parts, ahead=0).starts(oldest.astimezone(UTC).date())
    await tx.execute(LOCK_TIMEOUT)
    await tx.execute(f"LOCK TABLE {parts.table} IN SHARE UPDATE EXCLUSIVE MODE")
    return parts.name(start) if await _make(tx, parts, start) else None


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

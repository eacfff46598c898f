"""One day of the log: who has still to read it, what is in it, and its going."""

from collections.abc import Collection
from datetime import date

import msgspec

from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import ComandaError
from comanda.engine.events.log import SHARDS
from comanda.engine.periods import TimePartitions
from comanda.engine.tables import PARTITIONED

[LOG] = [parts for parts in PARTITIONED if parts.table == "engine.events"]

SHORT_LOCK = "SET LOCAL lock_timeout = '200ms'"
"""Whoever appends to the log waits behind our waiting for its lock."""

HOLDERS = """
WITH readers AS MATERIALIZED (
    SELECT consumer FROM engine.cursors WHERE consumer NOT LIKE '%@%' AND NOT consumer = ANY ($2::text[])
    UNION SELECT unnest($1::text[])
), last AS MATERIALIZED (
    SELECT s.shard, e.position, e.id FROM generate_series(0, $3::int - 1) AS s (shard)
    CROSS JOIN LATERAL (
        SELECT position, id FROM {partition} WHERE shard = s.shard ORDER BY position DESC, id DESC LIMIT 1
    ) e
)
SELECT DISTINCT r.consumer FROM readers r CROSS JOIN last
LEFT JOIN engine.cursors c ON c.consumer = r.consumer AND c.shard = last.shard
WHERE (coalesce(c.position, '0'), coalesce(c.id, 0)) < (last.position, last.id)
ORDER BY r.consumer
"""
"""Cursors with an `@` in their name stand at a carrier, not in the log."""

ARCHIVED = "SELECT file, events FROM engine.archives WHERE day = $1"

NOTE = """
INSERT INTO engine.archives (day, file, events) VALUES ($1, $2, $3)
ON CONFLICT (day) DO UPDATE SET file = coalesce(excluded.file, engine.archives.file), events = excluded.events
"""

DROPPED = "UPDATE engine.archives SET dropped_at = clock_timestamp() WHERE day = $1"


class Grown(ComandaError):
    """A day is not as long as its archive says: it is archived anew."""


class Readers(msgspec.Struct, frozen=True):
    """Who reads the log.

    Attributes:
        names: consumers of this program that read it; they hold days back even before they have begun.
        carried: consumers of this program that a carrier brings their events: their cursors do not count here.

    Whoever else has cursors counts too: a consumer of another program, or one that was removed and not forgotten.
    """

    names: Collection[str]
    carried: Collection[str] = ()


class Day(msgspec.Struct, frozen=True):
    """A day of the log that stands as a partition of its own."""

    day: date
    parts: TimePartitions = LOG

    @property
    def partition(self) -> str:
        """The partition's name."""
        return self.parts.name(self.day)

    async def holders(self, tx: Transaction, readers: Readers) -> list[str]:
        """Return the consumers that have not passed every event of this day."""
        sql = HOLDERS.format(partition=self.partition)
        rows = await tx.fetch(sql, list(readers.names), list(readers.carried), SHARDS)
        return [row["consumer"] for row in rows]

    async def empty(self, tx: Transaction) -> bool:
        """Whether there is no event of this day."""
        return not await tx.fetch_value(f"SELECT EXISTS (SELECT FROM {self.partition})")

    async def archived(self, tx: Transaction) -> tuple[str, int] | None:
        """Return the file in which this day is archived and the number of its events, or None."""
        row = await tx.fetch_row(ARCHIVED, self.day)
        return (row["file"], row["events"]) if row is not None and row["file"] is not None else None

    async def note(self, tx: Transaction, file: str | None, events: int) -> None:
        """Write down that this day is archived in `file`."""
        await tx.execute(NOTE, self.day, file, events)

    async def drop(self, tx: Transaction, readers: Readers, archived: int | None) -> int | None:
        """Drop this day; return how many events it had, or None where it is gone or someone has still to read it.

        `archived` is how many events its archive holds, None where there is none: raises `Grown` when they are not as
        many. Raises asyncpg's `LockNotAvailableError` when the log is being read for longer than we wait.
        """
        if await tx.fetch_value("SELECT to_regclass($1)", self.partition) is None:
            return None
        await tx.execute(SHORT_LOCK)
        # Counted while nobody can add to it, and before this transaction writes anything: no horizon waits for it.
        await tx.execute(f"LOCK TABLE {self.partition} IN SHARE MODE")
        if await self.holders(tx, readers):
            return None
        events: int = await tx.fetch_value(f"SELECT count(*) FROM {self.partition}")
        if archived is not None and archived != events:
            raise Grown(f"{self.partition} holds {events} events, and its archive {archived}.")
        await self.note(tx, None, events)
        await tx.execute(DROPPED, self.day)
        await tx.execute(f"DROP TABLE {self.partition}")
        return events

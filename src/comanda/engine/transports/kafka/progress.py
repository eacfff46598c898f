"""How far a consumer has come, and who may say so: the rows in the cursor table that belong to a carrier's partitions.

Kafka decides who reads a partition; these rows decide who may commit. Each partition is a shard of the log and has two
rows. The consumer's own says how far it has come in the log, by the log's positions, the same whatever carries the
events: what is not beyond it has had its effect. The carrier's says under which epoch and until when it is leased to
whom, and at which offset to go on reading. Both move together; where the first was moved forth by itself, the log has
brought the events meanwhile, and where it was set back, they are to come again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka.message import Place

PREPARE = """
INSERT INTO engine.cursors (consumer, shard, position, id)
SELECT $2, c.shard, c.position, c.id FROM engine.cursors c WHERE c.consumer = $1 AND c.shard = ANY ($3::smallint[])
ON CONFLICT DO NOTHING
"""
"""Needs the consumer's own rows, which the worker's leases make."""

TAKE = """
WITH free AS (
    SELECT c.shard FROM engine.cursors c
    WHERE c.consumer = $2 AND c.shard = ANY ($3::smallint[])
    AND (c.owner IS NULL OR c.owner = $4 OR c.leased_until < clock_timestamp())
    ORDER BY c.shard FOR UPDATE SKIP LOCKED
)
UPDATE engine.cursors c
SET owner = $4, epoch = c.epoch + 1, leased_until = clock_timestamp() + make_interval(secs => $5),
    position = own.position, id = own.id,
    place = CASE WHEN (own.position, own.id) < (c.position, c.id) THEN NULL ELSE c.place END
FROM free JOIN engine.cursors own ON own.consumer = $1 AND own.shard = free.shard
WHERE c.consumer = $2 AND c.shard = free.shard
RETURNING c.shard, c.epoch, c.place, own.position, own.id
"""
"""Where the consumer's own cursor was set back, for a replay, the partition is read from its beginning."""

RENEW = """
WITH mine AS (
    SELECT c.shard FROM engine.cursors c
    JOIN unnest($2::smallint[], $3::bigint[]) AS held (shard, epoch) ON c.shard = held.shard AND c.epoch = held.epoch
    WHERE c.consumer = $1 ORDER BY c.shard FOR NO KEY UPDATE OF c
)
UPDATE engine.cursors c SET leased_until = clock_timestamp() + make_interval(secs => $4)
FROM mine WHERE c.consumer = $1 AND c.shard = mine.shard
RETURNING c.shard
"""

SET_BACK = """
SELECT c.shard FROM engine.cursors c JOIN engine.cursors own ON own.consumer = $1 AND own.shard = c.shard
WHERE c.consumer = $2 AND (own.position, own.id) < (c.position, c.id)
"""
"""A statement of its own: one that waits for a lock compares the row as it is now with the other as it was before."""

GIVE = """
WITH mine AS (
    SELECT c.shard FROM engine.cursors c
    JOIN unnest($2::smallint[], $3::bigint[]) AS held (shard, epoch) ON c.shard = held.shard AND c.epoch = held.epoch
    WHERE c.consumer = $1 ORDER BY c.shard FOR NO KEY UPDATE OF c
)
UPDATE engine.cursors c SET owner = NULL, leased_until = NULL
FROM mine WHERE c.consumer = $1 AND c.shard = mine.shard
"""

FOR_MOVING = """
SELECT c.consumer, c.shard, c.epoch, c.position, c.id FROM engine.cursors c
WHERE c.consumer = ANY (ARRAY[$1, $2]) AND c.shard = ANY ($3::smallint[])
ORDER BY c.consumer, c.shard FOR NO KEY UPDATE
"""
"""Locks both rows before the handler writes, as a parked event's fence does: the two never wait in a circle."""

FOR_CALLING = """
WITH held AS (
    SELECT c.shard, c.epoch, c.position, c.id FROM engine.cursors c
    WHERE c.consumer = $2 AND c.shard = ANY ($3::smallint[]) ORDER BY c.shard FOR SHARE
)
SELECT $2 AS consumer, shard, epoch, position, id FROM held
UNION ALL SELECT consumer, shard, epoch, position, id FROM engine.cursors
WHERE consumer = $1 AND shard = ANY ($3::smallint[])
"""

MOVE = """
WITH mine AS (
    SELECT c.shard FROM engine.cursors c
    JOIN unnest($3::smallint[], $4::bigint[]) AS held (shard, epoch) ON c.shard = held.shard AND c.epoch = held.epoch
    JOIN engine.cursors own ON own.consumer = $1 AND own.shard = c.shard
    WHERE c.consumer = $2 AND (own.position, own.id) >= (c.position, c.id)
    ORDER BY c.shard FOR NO KEY UPDATE OF c, own
), moved AS (
    UPDATE engine.cursors c
    SET position = m.position, id = m.id, place = CASE WHEN c.consumer = $2 THEN m.place ELSE c.place END
    FROM mine JOIN unnest($3::smallint[], $5::xid8[], $6::bigint[], $7::text[]) AS m (shard, position, id, place)
    ON m.shard = mine.shard
    WHERE c.consumer = ANY (ARRAY[$1, $2]) AND c.shard = mine.shard AND (m.position, m.id) > (c.position, c.id)
)
SELECT count(*) AS ours, set_config('synchronous_commit', 'on', true) FROM mine
"""
"""Never moves back: what is brought again may end before what was moved past.

Its transaction waits for the disk, whoever opened it: what we forget after the commit is not read again.
"""


class Taken(NamedTuple):
    """A shard that is ours now: under which epoch, the log's (position, id) behind us, the next offset if known."""

    shard: int
    epoch: int
    behind: tuple[int, int]
    offset: int | None


class Progress:
    """The rows of one consumer at one carrier.

    Args:
        carrier: its name, with the topic's.
        owner: tells whose the leases are that are taken; the same when a process starts again in a dead one's place.
    """

    def __init__(
        self, database: Database, consumer: str, carrier: str, *, owner: Callable[[], int], lease_s: float
    ) -> None:
        self._database = database
        self._consumer = consumer
        self._row = f"{consumer}@{carrier}"
        self._owner = owner
        self.lease_s = lease_s

    async def take(self, shards: Sequence[int]) -> list[Taken]:
        """Take those of `shards` that nobody else holds a lease on, each under a new epoch."""
        async with self._database.transaction() as tx:
            await tx.execute(PREPARE, self._consumer, self._row, shards)
            rows = await tx.fetch(TAKE, self._consumer, self._row, shards, self._owner(), self.lease_s)
        return [
            Taken(
                row["shard"],
                row["epoch"],
                (row["position"], row["id"]),
                None if row["place"] is None else int(row["place"]),
            )
            for row in rows
        ]

    async def renew(self, epochs: Mapping[int, int]) -> set[int]:
        """Renew the leases on shards held under these epochs; return those that are still ours and not set back."""
        rows = await self._database.fetch(RENEW, self._row, list(epochs), list(epochs.values()), self.lease_s)
        back = await self._database.fetch(SET_BACK, self._consumer, self._row)
        return {row["shard"] for row in rows} - {row["shard"] for row in back}

    async def give(self, epochs: Mapping[int, int]) -> None:
        """End the leases, so that others need not wait for it."""
        await self._database.fetch(GIVE, self._row, list(epochs), list(epochs.values()))

    async def unseen(self, tx: Transaction, events: Sequence[LoggedEvent], *, moving: bool) -> list[LoggedEvent]:
        """Return those of `events` that lie beyond the cursor; raise `Fenced` when a shard of theirs is not ours."""
        epochs = {event.shard: event.place.epoch for event in events}
        rows = await tx.fetch(FOR_MOVING if moving else FOR_CALLING, self._consumer, self._row, list(epochs))
        own = {row["shard"]: (row["position"], row["id"]) for row in rows if row["consumer"] == self._consumer}
        ours = {row["shard"]: row for row in rows if row["consumer"] == self._row}
        for shard, epoch in epochs.items():
            row = ours.get(shard)
            # A cursor behind the carrier's row was set back since: what it was set back for is to come first.
            if row is None or row["epoch"] != epoch or own.get(shard, (-1, -1)) < (row["position"], row["id"]):
                raise Fenced(f"{self._consumer}: another worker has taken over, or the cursor was set back.")
        return [event for event in events if (event.position, event.id) > own[event.shard]]

    async def move(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        """Move past `events`, in order within each shard; raise `Fenced` when one is not ours."""
        last = {event.shard: event for event in events}
        await self._move(tx, {shard: (event.position, event.id, event.place) for shard, event in last.items()})

    async def skip(self, tips: Mapping[int, tuple[int, int, Place]]) -> None:
        """Move shards past a position, an id and an offset where nothing is to be handled; raise `Fenced`."""
        async with self._database.transaction() as tx:
            await self._move(tx, tips)

    async def _move(self, tx: Transaction, tips: Mapping[int, tuple[int, int, Place]]) -> None:
        ours = await tx.fetch_value(
            MOVE,
            self._consumer,
            self._row,
            list(tips),
            [place.epoch for _, _, place in tips.values()],
            [position for position, _, _ in tips.values()],
            [number for _, number, _ in tips.values()],
            [str(place.offset) for _, _, place in tips.values()],
        )
        if ours != len(tips):
            raise Fenced(f"{self._consumer}: another worker has taken over, or the cursor was set back.")

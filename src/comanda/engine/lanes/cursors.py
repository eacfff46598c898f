"""Where consumers begin, and how a consumer is set back, set forth or forgotten.

A consumer begins at a time by the position of the first event at or after it, in each shard, but never above the
horizon: a transaction that is still open may hold an event whose position lies before those that can be seen. So none
at or after that time is missed; some from just before it may come too, for positions and times differ by as much as
transactions last.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Refused
from comanda.engine.events.log import SHARDS
from comanda.engine.events.waker import CHANNEL
from comanda.engine.lanes.horizon import HORIZON

BEGINNING = f"""
    SELECT least(first.position, h.horizon) AS position,
        CASE WHEN first.position < h.horizon THEN first.id - 1 ELSE 0 END AS id
    FROM (SELECT {HORIZON} AS horizon) h
    LEFT JOIN LATERAL (
        SELECT e.position, e.id FROM engine.events e
        WHERE e.shard = w.shard AND e.at >= w.since ORDER BY e.position, e.id LIMIT 1
    ) first ON true
"""
"""The cursor before the first event of `w.shard` at or after `w.since`; the horizon where there is none yet."""

ENSURE = f"""
INSERT INTO engine.cursors (consumer, shard, position, id)
SELECT w.consumer, w.shard, coalesce(b.position, '0'), coalesce(b.id, 0)
FROM (
    SELECT c.consumer, s.shard, c.since FROM unnest($1::text[], $2::timestamptz[]) AS c (consumer, since)
    CROSS JOIN generate_series(0, $3::int - 1) AS s (shard)
    WHERE NOT EXISTS (SELECT FROM engine.cursors k WHERE k.consumer = c.consumer AND k.shard = s.shard)
) w
LEFT JOIN LATERAL ({BEGINNING}) b ON w.since IS NOT NULL
ON CONFLICT DO NOTHING
"""
"""Gives new consumers their cursors; those that have some are not looked at further."""

LOCK = "SELECT shard FROM engine.cursors WHERE consumer = $1 ORDER BY shard FOR UPDATE"

SET = f"""
UPDATE engine.cursors c SET position = b.position, id = b.id, epoch = c.epoch + 1, owner = NULL, leased_until = NULL
FROM (SELECT s.shard, $2::timestamptz AS since FROM generate_series(0, $3::int - 1) AS s (shard)) w
CROSS JOIN LATERAL ({BEGINNING}) b
WHERE c.consumer = $1 AND c.shard = w.shard
"""

UNPARK = """
DELETE FROM engine.parked p USING engine.cursors c
WHERE p.consumer = $1 AND c.consumer = $1 AND c.shard = p.shard AND (p.position, p.event_id) > (c.position, c.id)
"""
"""What lies after the cursor will be read again from the log."""

UNHANDLE = """
DELETE FROM engine.inbox i USING engine.events e, engine.cursors c
WHERE i.consumer = $1 AND e.id = i.event_id AND c.consumer = $1 AND c.shard = e.shard
AND (e.position, e.id) > (c.position, c.id)
"""
"""Where a carrier without positions brings the events: what lies after the cursor is to have its effect again."""

FORGET = (
    "DELETE FROM engine.parked WHERE consumer = $1",
    "DELETE FROM engine.inbox WHERE consumer = $1",
    "DELETE FROM engine.rates WHERE lane = $1",
    "DELETE FROM engine.lane_minutes WHERE lane = $1",
    "DELETE FROM engine.lanes WHERE name = $1",
    "DELETE FROM engine.cursors WHERE consumer = $1",
)

SERVED = """
SELECT EXISTS (
    SELECT FROM engine.cursors WHERE consumer = $1 AND owner IS NOT NULL AND leased_until > clock_timestamp()
)
"""

STANDING = """
SELECT c.consumer AS name,
    (SELECT count(*) FROM engine.parked p WHERE p.consumer = c.consumer) AS parked,
    bool_or(c.owner IS NOT NULL AND c.leased_until > clock_timestamp()) AS served
FROM engine.cursors c GROUP BY c.consumer ORDER BY c.consumer
"""


class Standing(msgspec.Struct, frozen=True):
    """A consumer that has cursors: how many of its events are parked, and whether a worker serves it now."""

    name: str
    parked: int
    served: bool


class Replay(msgspec.Struct, frozen=True):
    """What a replay did: the parked events it took away, because they will be read again from the log."""

    unparked: int


async def standings(tx: Transaction) -> list[Standing]:
    """Return all consumers that have cursors, by name."""
    return [Standing(**row) for row in await tx.fetch(STANDING)]


async def ensure(tx: Transaction, since: Mapping[str, datetime | None]) -> None:
    """Give each consumer of `since` that has none its cursors: at that time, or at the oldest event there is."""
    await tx.execute(ENSURE, list(since), list(since.values()), SHARDS)


async def set_to(tx: Transaction, consumer: str, since: datetime) -> Replay:
    """Set a consumer's cursors, back or forth, to the first events at or after `since`.

    The epochs are raised: what a worker has in hand is refused at its commit, and all workers read anew. Raises
    `Refused` where there is no such consumer.
    """
    if not await tx.fetch(LOCK, consumer):
        raise _unknown(consumer, await standings(tx))
    await tx.execute(SET, consumer, since, SHARDS)
    unparked = await tx.execute(UNPARK, consumer)
    await tx.execute(UNHANDLE, consumer)
    await tx.execute("SELECT pg_notify($1, 'leases')", CHANNEL)
    return Replay(unparked)


async def forget(tx: Transaction, consumer: str) -> None:
    """Remove all that is kept for a consumer which no longer exists, its parked events too.

    Raises `Refused` where there is no such consumer, or a worker serves it.
    """
    if not await tx.fetch(LOCK, consumer):
        raise _unknown(consumer, await standings(tx))
    if await tx.fetch_value(SERVED, consumer):
        raise Refused(
            f"A worker serves {consumer}: stop the workers that have it first.", kind="conflict", code="consumer-served"
        )
    for statement in FORGET:
        await tx.execute(statement, consumer)


def _unknown(consumer: str, known: Sequence[Standing]) -> Refused:
    names = ", ".join(standing.name for standing in known) or "none yet"
    return Refused(
        f"There is no consumer {consumer!r} with cursors; there are {names}.", kind="not_found", code="no-such-consumer"
    )

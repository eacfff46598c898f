"""How much a lane has still to do."""

from collections.abc import Sequence

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.events.log import SHARDS
from comanda.engine.lanes.consumer import Consumer

BACKLOG = """
SELECT coalesce(sum(unread.events), 0)::bigint AS events,
    coalesce(extract(epoch FROM clock_timestamp() - min(unread.oldest)), 0)::float AS age_s
FROM generate_series(0, $3::int - 1) AS s (shard)
LEFT JOIN engine.cursors c ON c.consumer = $1 AND c.shard = s.shard
CROSS JOIN LATERAL (
    SELECT count(*) AS events, min(e.at) AS oldest FROM engine.events e
    WHERE e.shard = s.shard AND (e.position, e.id) > (coalesce(c.position, '0'), coalesce(c.id, 0))
    AND ($2::text[] IS NULL OR e.name = ANY ($2::text[]))
) unread
"""
"""Shard by shard from the cursor on, so that what was read long ago is not read again to be counted."""

PARKED = """
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead
FROM engine.parked WHERE consumer = $1
"""


class Backlog(msgspec.Struct, frozen=True):
    """What waits in one lane: unread events with the age of the oldest in seconds, parked events, dead letters."""

    lane: str
    events: int
    age_s: float
    waiting: int
    dead: int

    @property
    def drained(self) -> bool:
        """Whether there is nothing left to do; dead letters wait for a person and do not count."""
        return self.events == 0 and self.waiting == 0


async def backlogs(database: Database, consumers: Sequence[Consumer]) -> list[Backlog]:
    """Return the backlog of each of `consumers`."""
    result = []
    for consumer in consumers:
        unread = await database.fetch_row(BACKLOG, consumer.name, consumer.names, SHARDS)
        parked = await database.fetch_row(PARKED, consumer.name)
        if unread is None or parked is None:
            raise AssertionError("an aggregate without GROUP BY returns one row")
        result.append(Backlog(consumer.name, unread["events"], unread["age_s"], parked["waiting"], parked["dead"]))
    return result

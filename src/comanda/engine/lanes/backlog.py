"""How much a lane has still to do."""

from collections.abc import Sequence

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.lanes.consumer import Consumer

BACKLOG = """
SELECT count(*) AS events, coalesce(extract(epoch FROM clock_timestamp() - min(e.at)), 0)::float AS age_s
FROM engine.events e LEFT JOIN engine.cursors c ON c.consumer = $1 AND c.shard = e.shard
WHERE e.name = ANY ($2::text[]) AND (c.shard IS NULL OR (e.position, e.id) > (c.position, c.id))
"""

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
        unread = await database.fetch_row(BACKLOG, consumer.name, [kind.name for kind in consumer.on])
        parked = await database.fetch_row(PARKED, consumer.name)
        if unread is None or parked is None:
            raise AssertionError("an aggregate without GROUP BY returns one row")
        result.append(Backlog(consumer.name, unread["events"], unread["age_s"], parked["waiting"], parked["dead"]))
    return result

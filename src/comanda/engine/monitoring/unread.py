"""How much of the log each lane has still to read: exact while it is little, estimated when it is much.

Counting a backlog of millions would take longer than working it off. So `SCANNED` events are looked at in each shard
after each cursor; what lies beyond is estimated from how many ids there are up to the log's end, and from how many of
the ids looked at were for the lane.
"""

from collections.abc import Sequence

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.events.log import SHARDS
from comanda.engine.lanes.consumer import Consumer

SCANNED = 500
"""Events that are looked at in each shard of each lane, at most."""

UNREAD = f"""
WITH wanted AS MATERIALIZED (
    SELECT lane, names FROM jsonb_to_recordset($1::text::jsonb) AS w (lane text, names text[])
), tip AS MATERIALIZED (
    SELECT s.shard, newest.id FROM generate_series(0, $2::int - 1) AS s (shard) CROSS JOIN LATERAL (
        SELECT e.id FROM engine.events e WHERE e.shard = s.shard ORDER BY e.position DESC, e.id DESC LIMIT 1
    ) newest
)
SELECT w.lane, sum(read.wanted)::bigint + coalesce(sum(
        (read.wanted * (greatest(tip.id - read.last, 0)::float / (read.last - read.first + 1)))
    ) FILTER (WHERE read.scanned = {SCANNED}), 0)::bigint AS events,
    bool_and(read.scanned < {SCANNED}) AS exact,
    extract(epoch FROM clock_timestamp() - min(
        CASE WHEN read.wanted > 0 THEN read.oldest WHEN read.scanned = {SCANNED} THEN read.end_at END
    ))::float AS age_s
FROM wanted w CROSS JOIN tip LEFT JOIN engine.cursors c ON c.consumer = w.lane AND c.shard = tip.shard
CROSS JOIN LATERAL (
    SELECT count(*) AS scanned, count(*) FILTER (WHERE w.names IS NULL OR e.name = ANY (w.names)) AS wanted,
        min(e.at) FILTER (WHERE w.names IS NULL OR e.name = ANY (w.names)) AS oldest,
        min(e.id) AS first, max(e.id) AS last, max(e.at) AS end_at
    FROM (
        SELECT e.id, e.at, e.name FROM engine.events e
        WHERE e.shard = tip.shard AND (e.position, e.id) > (coalesce(c.position, '0'), coalesce(c.id, 0))
        ORDER BY e.position, e.id LIMIT {SCANNED}
    ) e
) read
WHERE read.scanned > 0
GROUP BY w.lane
"""


class Unread(msgspec.Struct, frozen=True):
    """What a lane has still to read.

    Attributes:
        events: how many there are.
        exact: whether they were counted, all of them; else `events` is an estimate.
        age_s: of the oldest; where none for the lane was found among those looked at, of the oldest that may be one.
    """

    events: int = 0
    exact: bool = True
    age_s: float = 0.0


def wanted(consumers: Sequence[Consumer]) -> str:
    """Return, as JSON, which events each lane wants."""
    return msgspec.json.encode([{"lane": each.name, "names": each.names} for each in consumers]).decode()


async def unread(database: Database, consumers: Sequence[Consumer]) -> dict[str, Unread]:
    """Return what each lane has still to read; lanes that have read all are not in it."""
    rows = await database.fetch(UNREAD, wanted(consumers), SHARDS)
    return {row["lane"]: Unread(row["events"], row["exact"], max(0.0, row["age_s"] or 0.0)) for row in rows}

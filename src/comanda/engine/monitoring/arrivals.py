"""How fast events arrive, by name: read off the end of the log, so that writing them costs nothing more.

In each shard the newest events of the last minute are counted, up to `NEWEST`; where there are more, their rate is
that of the time which those take up.
"""

from collections.abc import Mapping

from comanda.engine.database.database import Database
from comanda.engine.events.log import SHARDS
from comanda.engine.lanes.consumer import Consumer

NEWEST = 500
"""Events that are looked at in each shard, at most."""

WINDOW_S = 60.0

ARRIVALS = f"""
SELECT arrived.name, sum(arrived.per_s)::float AS per_s
FROM generate_series(0, $1::int - 1) AS s (shard) CROSS JOIN LATERAL (
    SELECT e.name, count(*) / greatest(min(e.span_s), 0.001) AS per_s
    FROM (
        SELECT e.name, e.at, CASE WHEN count(*) OVER () = {NEWEST}
            THEN least({WINDOW_S}, extract(epoch FROM clock_timestamp() - min(e.at) OVER ())::float) ELSE {WINDOW_S} END
            AS span_s
        FROM (
            SELECT e.name, e.at FROM engine.events e WHERE e.shard = s.shard
            ORDER BY e.position DESC, e.id DESC LIMIT {NEWEST}
        ) e
    ) e
    WHERE e.at > clock_timestamp() - make_interval(secs => {WINDOW_S})
    GROUP BY e.name
) arrived
GROUP BY arrived.name
"""


async def arrivals(database: Database) -> dict[str, float]:
    """Return how many events of each name arrived per second, in the last minute."""
    rows = await database.fetch(ARRIVALS, SHARDS)
    return {row["name"]: row["per_s"] for row in rows}


def arriving(consumer: Consumer, rates: Mapping[str, float]) -> float:
    """Return how many events for `consumer` arrive per second."""
    names = consumer.names
    return sum(rates.values()) if names is None else sum(rates.get(name, 0.0) for name in names)

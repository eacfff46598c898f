"""All lanes at one moment, in ten queries whose work does not grow with the backlog."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from comanda.engine.database.database import Database
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.horizon import horizon_holder
from comanda.engine.monitoring.arrivals import arrivals, arriving
from comanda.engine.monitoring.figures import LaneOverview, LaneWorker, MinuteFigures, Overview, TimerFigures
from comanda.engine.monitoring.unread import Unread, unread
from comanda.engine.monitoring.workers import WorkerView, workers

MINUTES = 60
"""Of the charts."""

PARKED_COUNTED = 10_000
"""Parked events of one lane and state that are counted, at most."""

SETTINGS = "SELECT clock_timestamp() AS at, name, shards, paused_at FROM (SELECT) one LEFT JOIN engine.lanes ON true"

PARKED = f"""
SELECT lane, waiting.events AS waiting, dead.events AS dead FROM unnest($1::text[]) AS lane
CROSS JOIN LATERAL (SELECT count(*) AS events FROM (
    SELECT FROM engine.parked WHERE consumer = lane AND state = 'waiting' LIMIT {PARKED_COUNTED}
) one) waiting
CROSS JOIN LATERAL (SELECT count(*) AS events FROM (
    SELECT FROM engine.parked WHERE consumer = lane AND state = 'dead' LIMIT {PARKED_COUNTED}
) one) dead
"""

LAST_HOUR = """
SELECT lane, minute, handled, failed, dead, busy_s FROM engine.lane_minutes
WHERE lane = ANY ($1::text[]) AND minute > $2::timestamptz - make_interval(mins => $3::int)
"""

EVER = """
SELECT lane, sum(handled)::bigint AS handled, sum(failed)::bigint AS failed, sum(dead)::bigint AS dead,
    sum(busy_s)::float AS busy_s
FROM engine.lane_minutes WHERE lane = ANY ($1::text[]) GROUP BY lane
"""

TIMERS_COUNTED = 10_000
"""Timers that are counted, at most."""

TIMERS = f"""
SELECT (SELECT count(*) FROM (SELECT FROM engine.timers LIMIT {TIMERS_COUNTED}) one) AS pending,
    greatest(0, coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(due_at) FROM engine.timers)), 0))::float
        AS late_s
"""

Row = Mapping[str, Any]


async def overview(database: Database, consumers: Sequence[Consumer]) -> Overview:
    """Return what is known of the lanes of `consumers` now.

    The queries run one after the other, each by itself: a figure may be a few milliseconds younger than another.
    """
    names = [consumer.name for consumer in consumers]
    settings = await database.fetch(SETTINGS)
    at: datetime = settings[0]["at"]
    set_of = {row["name"]: row for row in settings}
    unread_of = await unread(database, consumers)
    rates = await arrivals(database)
    parked_of = {row["lane"]: row for row in await database.fetch(PARKED, names)}
    ever_of = {row["lane"]: row for row in await database.fetch(EVER, names)}
    minutes_of = _by_lane(await database.fetch(LAST_HOUR, names, at, MINUTES), at)
    working = await workers(database)
    timers = await database.fetch_row(TIMERS)
    if timers is None:
        raise AssertionError("a query without FROM returns one row")
    return Overview(
        at=at,
        lanes=[
            _lane(
                consumer,
                set_of.get(consumer.name),
                unread_of.get(consumer.name, Unread()),
                arriving(consumer, rates),
                parked_of[consumer.name],
                ever_of.get(consumer.name),
                minutes_of.get(consumer.name, [MinuteFigures()] * MINUTES),
                working,
                at,
            )
            for consumer in consumers
        ],
        workers=working,
        timers=TimerFigures(timers["pending"], timers["late_s"]),
        horizon=await horizon_holder(database),
    )


def _lane(  # noqa: PLR0917 - each is what one query knows of the lane
    consumer: Consumer,
    setting: Row | None,
    left: Unread,
    in_per_s: float,
    parked: Row,
    ever: Row | None,
    minutes: Sequence[MinuteFigures],
    working: Sequence[WorkerView],
    at: datetime,
) -> LaneOverview:
    lately_s = 60 + at.second + at.microsecond / 1e6
    return LaneOverview(
        lane=consumer.name,
        events=consumer.names,
        shards=consumer.shards if setting is None else setting["shards"],
        ordered=consumer.ordered,
        paused_at=None if setting is None else setting["paused_at"],
        backlog=left.events,
        exact=left.exact,
        age_s=left.age_s,
        in_per_s=in_per_s,
        out_per_s=(minutes[-1].handled + minutes[-2].handled) / lately_s,
        failed_hour=sum(minute.failed for minute in minutes),
        dead_hour=sum(minute.dead for minute in minutes),
        handled_ever=0 if ever is None else ever["handled"],
        failed_ever=0 if ever is None else ever["failed"],
        dead_ever=0 if ever is None else ever["dead"],
        busy_ever_s=0.0 if ever is None else ever["busy_s"],
        waiting=parked["waiting"],
        dead=parked["dead"],
        workers=list(_serving(consumer.name, working)),
        minutes=minutes,
    )


def _by_lane(rows: Sequence[Row], at: datetime) -> dict[str, list[MinuteFigures]]:
    """Return each lane's minutes of the last hour, the oldest first, with those in which nothing was done."""
    present = at.replace(second=0, microsecond=0)
    lanes: dict[str, list[MinuteFigures]] = {}
    for row in rows:
        place = MINUTES - 1 - (present - row["minute"]) // timedelta(minutes=1)
        if 0 <= place < MINUTES:
            minutes = lanes.setdefault(row["lane"], [MinuteFigures()] * MINUTES)
            minutes[place] = MinuteFigures(row["handled"], row["failed"], row["dead"], row["busy_s"])
    return lanes


def _serving(lane: str, working: Sequence[WorkerView]) -> Sequence[LaneWorker]:
    found = []
    for worker in working:
        held = next((lease for lease in worker.leases if lease.lane == lane), None)
        if held is None and not (worker.alive and lane in worker.lanes):
            continue
        found.append(
            LaneWorker(
                id=worker.id,
                host=worker.host,
                pid=worker.pid,
                alive=worker.alive,
                hung=worker.hung,
                shards=[] if held is None else held.shards,
                left_s=0.0 if held is None else held.left_s,
            )
        )
    return found

"""What is known of the lanes: backlog, age, rates, errors, parked events, workers and leases."""

from datetime import timedelta

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.leases import LIFE_LOCK
from comanda.engine.lanes.minutes import KEEP_HOURS, MinuteKeeper
from comanda.engine.monitoring import overview, unread
from comanda.engine.monitoring.recent import recent
from comanda.engine.monitoring.way import way_of
from tests.fakes.lanes import effects, until, working
from tests.integration.operations.conftest import Handler, emit


async def test_a_lane_that_nobody_serves(database: Database, log: EventLog, ring: Consumer) -> None:
    """Its backlog is counted, its oldest event ages, its arrivals have a rate, and it is called unattended."""
    await emit(database, log, "a", "b", "c")
    seen = (await overview(database, [ring])).lanes[0]
    assert (seen.lane, seen.backlog, seen.exact) == ("bells.ring", 3, True)
    assert 0 < seen.age_s < 20
    assert seen.in_per_s == pytest.approx(3 / 60)
    assert seen.out_per_s == 0
    assert seen.unattended


async def test_two_workers_at_a_lane(
    database: Database, log: EventLog, ring: Consumer, count: Consumer, handler: Handler
) -> None:
    """What they handled, what failed and what is parked is told by lane; each holds a part of its shards, alive."""
    handler.broken.add("cracked")
    handler.late.add("late")
    async with working(database, ring), working(database, ring):

        async def shared() -> bool:
            held = [len(worker.shards) for worker in (await overview(database, [ring])).lanes[0].workers]
            return len(held) == 2 and sum(held) == 16 and min(held) > 0

        await until(shared)
        await emit(database, log, *"abcdefgh", "cracked", "late", "late")

        async def done() -> bool:
            return len(await effects(database)) == 8 and (await overview(database, [ring])).lanes[0].waiting == 2

        await until(done)
        seen = (await overview(database, [ring, count])).lanes
        assert [(lane.backlog, lane.waiting, lane.dead) for lane in seen] == [(0, 2, 1), (11, 0, 0)]
        assert all(worker.alive and worker.left_s > 0 for worker in seen[0].workers)
        assert not seen[0].unattended
        assert seen[1].unattended
    seen = (await overview(database, [ring, count])).lanes
    assert (seen[0].handled_ever, seen[0].failed_hour, seen[0].dead_hour) == (8, 2, 1)
    assert sum(minute.handled for minute in seen[0].minutes) == 8
    assert len(seen[0].minutes) == 60
    assert seen[0].out_per_s > 0
    assert seen[0].busy_ever_s > 0
    assert seen[0].unattended, "their workers have left"


async def test_a_large_backlog_is_estimated(
    database: Database, ring: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is more than is looked at, the estimate is near the truth, and says that it is one."""
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO engine.events (shard, name, version, key, payload) "
            "SELECT n % 16, CASE n % 48 < 16 WHEN true THEN 'test.Rung' ELSE 'test.Silenced' END, 1, 'k', '{}' "
            "FROM generate_series(1, 48000) n"
        )
    monkeypatch.setattr(unread, "UNREAD", unread.UNREAD.replace(str(unread.SCANNED), "100"))
    seen = (await overview(database, [ring])).lanes[0]
    assert not seen.exact
    assert seen.backlog == pytest.approx(16_000, rel=0.05)
    assert seen.age_s > 0


async def test_old_minutes_are_folded_and_totals_never_go_back(database: Database, ring: Consumer) -> None:
    """What is older than the charts is added up in one row of its lane; what it ever handled stays the same."""
    await database.fetch(
        "INSERT INTO engine.lane_minutes (lane, minute, handled, failed) "
        "SELECT $1, date_trunc('minute', now()) - n * interval '1 minute', 10, 1 FROM generate_series(0, 299) n",
        ring.name,
    )
    before = (await overview(database, [ring])).lanes[0]
    async with working(database, ring) as worker:
        await MinuteKeeper(database, worker.lanes).fold()
        await MinuteKeeper(database, worker.lanes).fold()
    after = (await overview(database, [ring])).lanes[0]
    assert after.handled_ever == before.handled_ever == 3000
    assert after.failed_ever == before.failed_ever == 300
    assert 59 <= after.failed_hour <= before.failed_hour <= 60
    left = await database.fetch_value("SELECT count(*) FROM engine.lane_minutes")
    assert KEEP_HOURS * 60 <= left <= KEEP_HOURS * 60 + 3


async def test_a_killed_worker_is_shown_as_not_alive(database: Database, ring: Consumer) -> None:
    """A worker's row without its advisory lock is told, with what it still holds."""
    await database.fetch("INSERT INTO engine.workers (host, pid, lanes) VALUES ('gone', 7, '[\"bells.ring\"]')")
    await database.fetch(
        "INSERT INTO engine.cursors (consumer, shard, owner, leased_until) "
        "SELECT 'bells.ring', 3, id, now() + interval '5 seconds' FROM engine.workers"
    )
    seen = await overview(database, [ring])
    (worker,) = seen.lanes[0].workers
    assert (worker.alive, worker.hung, worker.host, worker.shards) == (False, False, "gone", [3])
    assert seen.lanes[0].unattended
    assert [one.alive for one in seen.workers] == [False]


async def test_a_hung_worker_is_told_from_a_dead_one(database: Database, ring: Consumer) -> None:
    """A worker that is connected and does not renew any more is hung, and serves nobody."""
    sign = await database.connect()
    number = await sign.fetchval(
        "INSERT INTO engine.workers (host, pid, lanes, alive_until) "
        "VALUES ('stopped', 7, '[\"bells.ring\"]', now() - interval '1 second') RETURNING id"
    )
    await sign.execute("SELECT pg_advisory_lock($1::int, $2::int)", LIFE_LOCK, number)
    (worker,) = (await overview(database, [ring])).workers
    assert (worker.hung, worker.alive) == (True, False)
    await sign.execute("UPDATE engine.workers SET alive_until = now() + interval '10 seconds'")
    (worker,) = (await overview(database, [ring])).workers
    assert (worker.hung, worker.alive) == (False, True)
    await sign.close()


async def test_one_events_way(
    database: Database, log: EventLog, ring: Consumer, count: Consumer, handler: Handler
) -> None:
    """Handled by one lane, unread by another; a dead letter with its error; a waiting one with its next try."""
    handler.broken.add("cracked")
    handler.late.add("late")
    await emit(database, log, "good", "cracked", "late")
    async with working(database, ring):

        async def done() -> bool:
            seen = (await overview(database, [ring])).lanes[0]
            return (seen.backlog, seen.dead, seen.waiting) == (0, 1, 1)

        await until(done)
    found = {event.key: event.id for event in (await recent(database)).events}
    ways = {key: await way_of(database, event_id, [ring, count]) for key, event_id in found.items()}
    told = {key: [station.state for station in way.stations] for key, way in ways.items() if way is not None}
    assert told == {
        "good": ["handled", "not begun"],
        "cracked": ["dead", "not begun"],
        "late": ["waiting", "not begun"],
    }
    cracked, late = ways["cracked"], ways["late"]
    assert cracked is not None
    assert late is not None
    assert cracked.stations[0].error == "DeadLetter: The bell cracked is cracked."
    assert cracked.stations[0].attempts == 1
    next_at = late.stations[0].next_at
    assert next_at is not None
    assert next_at > SystemClock().now() + timedelta(minutes=50)
    assert await way_of(database, 10**15, [ring]) is None
    await database.fetch("DELETE FROM engine.events")
    dropped = await way_of(database, found["cracked"], [ring, count])
    assert dropped is not None
    assert not dropped.event.logged, "the parked copy remains when the log's day is gone"


async def test_the_log_backwards(database: Database, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first, by key and by name; a search that has looked at enough says where to go on."""
    await emit(database, log, *["a", "b"] * 40, "a")
    newest = await recent(database)
    assert [event.key for event in newest.events[:3]] == ["a", "b", "a"]
    rest = await recent(database, before=newest.before)
    assert len(newest.events) + len(rest.events) == 81
    assert rest.before == ""
    assert {event.key for event in (await recent(database, key="b")).events} == {"b"}
    assert (await recent(database, name="test.Silenced")).events == []
    monkeypatch.setattr("comanda.engine.monitoring.recent.LOOKED", 81)
    assert (await recent(database, name="test.Silenced")).before != ""


async def test_a_house_without_lanes(database: Database) -> None:
    """Nothing is told of nothing."""
    assert (await overview(database, [])).lanes == []

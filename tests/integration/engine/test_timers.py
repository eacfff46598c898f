"""Timers: logged when they are due, not before, once each, in order, whatever dies; a million cost nothing."""

import asyncio
import json
import sys
from datetime import datetime, timedelta

import asyncpg
import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog, shard_of
from comanda.engine.timers import TimerMover, mover
from tests.fakes.lanes import Rung, ringing, until, working

LOGGED = "SELECT key, (payload ->> 'number')::int AS number, at FROM engine.events ORDER BY position, id"

GATE = """
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.payload ->> 'number' = '2' THEN PERFORM pg_advisory_xact_lock(42); END IF; RETURN NEW; END $$;
CREATE TRIGGER gate BEFORE INSERT ON engine.events FOR EACH ROW EXECUTE FUNCTION gate();
"""
"""Stops the second insert of a chunk until the lock is free."""

FILL = """
INSERT INTO engine.timers (due_at, shard, name, version, key, payload)
SELECT clock_timestamp() + $2::interval * (n + 1), $3, 'test.Rung', 1, 'noon',
    json_build_object('bell', 'noon', 'number', n)
FROM generate_series(1, $1::int) n
"""

PENDING = 100_000


def now() -> datetime:
    """Return the present instant; the test's server has the same clock."""
    return SystemClock().now()


async def later(database: Database, log: EventLog, at: datetime, *numbers: int) -> None:
    """Emit bells of these numbers for the time `at`."""
    async with database.transaction() as tx:
        await log.emit_all(tx, [Rung(bell="noon", number=number) for number in numbers], at=at)


async def numbers(database: Database) -> list[int]:
    """Return the numbers that were logged, in the log's order."""
    return [row["number"] for row in await database.fetch(LOGGED)]


@pytest.mark.slow  # The timer is set a second and a half ahead, as the promise is in seconds.
async def test_an_event_for_later_is_logged_within_a_second_after_its_time_and_never_before(database: Database) -> None:
    """By the database's own clock."""
    async with ringing(database) as log, working(database):
        at = now() + timedelta(seconds=1.5)
        await later(database, log, at, 1)
        await until(lambda: numbers(database))
    [row] = await database.fetch(LOGGED)
    assert timedelta(0) <= row["at"] - at < timedelta(seconds=1)
    assert await database.fetch_value("SELECT count(*) FROM engine.timers") == 0


async def test_a_time_that_has_passed_is_due_at_once(database: Database) -> None:
    """And what is due together is logged in the order of its times, then of its emission."""
    async with ringing(database) as log:
        await later(database, log, now() - timedelta(minutes=1), 3, 4)
        await later(database, log, now() - timedelta(hours=1), 1, 2)
        assert await TimerMover(database).move_due() == 4
    assert await numbers(database) == [1, 2, 3, 4]


async def test_a_timer_keeps_all_that_an_event_has(database: Database) -> None:
    """Its trace too, so that one trace runs from the click over the waiting to what comes of it."""
    await database.fetch(
        "INSERT INTO engine.timers (due_at, shard, version, name, key, payload, trace)"
        " VALUES (now(), 7, 3, 'test.Rung', 'noon', '{\"bell\": \"noon\"}', '00-0af7-b7ad-01')"
    )
    before = await database.fetch_row("SELECT shard, version, name, key, payload, trace FROM engine.timers")
    await TimerMover(database).move_due()
    after = await database.fetch_row("SELECT shard, version, name, key, payload, trace FROM engine.events")
    assert before is not None
    assert before == after


async def test_a_timer_belongs_to_its_transaction(database: Database) -> None:
    """What rolls back leaves none."""
    async with ringing(database) as log, database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await log.emit(Transaction(connection), Rung(bell="noon", number=1), at=now())
        await transaction.rollback()
    assert await database.fetch_value("SELECT count(*) FROM engine.timers") == 0


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """It would mean another instant on another machine."""
    async with ringing(database) as log, database.transaction() as tx:
        with pytest.raises(ValueError, match="time zone"):
            await log.emit(tx, Rung(bell="noon", number=1), at=now().replace(tzinfo=None))


async def test_a_new_timer_wakes_a_mover_that_sleeps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mover that would look again in an hour logs a timer of half a second."""
    monkeypatch.setattr(mover, "LOOK_S", 3600.0)
    async with ringing(database) as log, working(database) as worker:
        await until(lambda: database.fetch_value("SELECT count(*) > 0 FROM engine.workers"))
        await until(lambda: asyncio.sleep(0, worker.leases.valid()))
        at = now() + timedelta(seconds=0.5)
        await later(database, log, at, 1)
        await until(lambda: numbers(database))
    [row] = await database.fetch(LOGGED)
    assert at <= row["at"]


async def test_several_movers_log_each_timer_once_and_in_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three movers at once, in chunks of seven, while timers are still being set."""
    monkeypatch.setattr(mover, "CHUNK", 7)
    movers = [TimerMover(database) for _ in range(3)]
    start = now()
    async with ringing(database) as log:
        for each in movers:
            await each.start()
        for number in range(0, 300, 3):
            await later(database, log, start + timedelta(milliseconds=number), number, number + 1, number + 2)

        async def all_logged() -> bool:
            for each in movers:
                each.wake()
            return len(await numbers(database)) >= 300

        await until(all_logged)
        for each in movers:
            await each.stop()
    assert await numbers(database) == list(range(300))


class TwoSteps(TimerMover):
    """Takes timers out in one transaction and logs them in another: the fault that one statement prevents."""

    async def move_due(self) -> int:
        """Move, wrongly."""
        async with self._database.transaction() as tx:
            taken = await tx.fetch("DELETE FROM engine.timers RETURNING shard, version, name, key, payload")
        async with self._database.transaction() as tx:
            for row in taken:
                await tx.execute(
                    "INSERT INTO engine.events (shard, version, name, key, payload) VALUES ($1, $2, $3, $4, $5)", *row
                )
        return len(taken)


async def logged_after_a_cut(database: Database, kind: type[TimerMover]) -> list[int]:
    """Cut a mover's connection between its first and its second timer, let another go on; return what was logged."""
    gate = await asyncpg.connect(database.url)
    try:
        await gate.execute(GATE)
        await gate.execute("SELECT pg_advisory_lock(42)")
        async with ringing(database) as log:
            await later(database, log, now(), 1, 2, 3)
        moving = asyncio.create_task(kind(database).move_due())
        waits = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
        waits += "(SELECT oid FROM pg_database WHERE datname = current_database())"
        await until(lambda: gate.fetchval(waits))
        await gate.execute("SELECT pg_terminate_backend($1)", await gate.fetchval(waits))
        with pytest.raises(Exception, match="went away"):
            await moving
        await gate.execute("SELECT pg_advisory_unlock(42)")
    finally:
        await gate.close()
    await TimerMover(database).move_due()
    return await numbers(database)


async def test_a_mover_that_is_cut_off_in_the_middle_loses_and_doubles_nothing(database: Database) -> None:
    """Taking out and logging are one."""
    assert await logged_after_a_cut(database, TimerMover) == [1, 2, 3]


async def test_a_mover_of_two_steps_would_lose_timers(database: Database) -> None:
    """The test above sees the fault that it is there for."""
    assert await logged_after_a_cut(database, TwoSteps) == []


@pytest.mark.slow  # Starts processes, to kill them.
async def test_killed_movers_lose_and_double_nothing(database: Database) -> None:
    """Processes that move are killed at whatever they do; in the end each timer was logged once, in order."""
    await database.fetch(FILL, 3000, timedelta(0), shard_of("noon"))
    for part in (1, 2):
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.fakes.moving", database.url)
        enough = part * 500
        await until(lambda: database.fetch_value("SELECT count(*) >= $1 FROM engine.events", enough))  # noqa: B023 - awaited here
        process.kill()
        await process.wait()
        assert len(await numbers(database)) < 3000
    while await TimerMover(database).move_due():
        pass
    assert await numbers(database) == list(range(1, 3001))


async def pages(database: Database, statement: str, *arguments: object) -> int:
    """Run a statement and return how many pages it touched."""
    async with database.transaction() as tx:
        explained = await tx.fetch_value("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, *arguments)
    plan = json.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_pending_timers_cost_nothing(database: Database) -> None:
    """With a hundred thousand pending, looking for the next and moving what is due touch a handful of pages."""
    await database.fetch(FILL, PENDING, timedelta(hours=1), shard_of("noon"))
    await database.fetch("VACUUM (ANALYZE) engine.timers")
    await database.fetch(FILL, 3, timedelta(hours=-1), shard_of("noon"))
    assert await pages(database, mover.NEXT) < 10
    assert await pages(database, mover.MOVE, mover.CHUNK) < 150
    assert await pages(database, mover.MOVE, mover.CHUNK) < 10
    assert await database.fetch_value("SELECT count(*) FROM engine.timers") == PENDING


async def test_a_clock_that_runs_while_the_statement_runs_would_read_all_that_is_pending(database: Database) -> None:
    """The test above sees the fault that it is there for."""
    await database.fetch(FILL, PENDING, timedelta(hours=1), shard_of("noon"))
    await database.fetch("VACUUM (ANALYZE) engine.timers")
    running = mover.MOVE.replace("statement_timestamp()", "clock_timestamp()")
    assert running != mover.MOVE
    assert await pages(database, running, mover.CHUNK) > 200

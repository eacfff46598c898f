"""Where consumers begin, and replays: nothing at or after the time is missed, and what is in hand is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog, shard_of
from comanda.engine.lanes import Consumer, cursors
from comanda.engine.lanes.cursors import ensure, forget, set_to, standings
from comanda.engine.lanes.log_source import read
from tests.fakes.lanes import EFFECT, Rung, drained, effects, make_effects, ringing, until, working

NAME = "test.newcomer"
HELD = {shard_of("noon"): 0}


def newcomer(
    handle: Callable[[Transaction, Rung], Awaitable[None]] | None = None, since: datetime | None = None
) -> Consumer:
    """Return a consumer that writes down what was rung."""

    async def ring(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)

    return Consumer(name=NAME, on=(Rung,), handle=handle or ring, since=since)


async def ring_each(database: Database, log: EventLog, *numbers: int) -> None:
    """Ring the bell, once in each transaction."""
    for number in numbers:
        async with database.transaction() as tx:
            await log.emit(tx, Rung(bell="noon", number=number))


async def time_of(database: Database, number: int) -> datetime:
    """Return when an event was logged."""
    sql = "SELECT at FROM engine.events WHERE (payload ->> 'number')::int = $1"
    at: datetime = await database.fetch_value(sql, number)
    return at


async def unread(database: Database) -> list[str]:
    """Return the payloads that the newcomer has not read."""
    return [event.payload for event in await read(database, NAME, HELD, None, 100)]


async def test_a_new_consumer_begins_at_its_time(database: Database) -> None:
    """With the first event at it, in a worker."""
    await make_effects(database)
    async with ringing(database) as log:
        await ring_each(database, log, 1, 2, 3, 4)
        ring = newcomer(since=await time_of(database, 3))
        async with working(database, ring):
            await until(lambda: effects(database))
            await drained(database, ring)
            await ring_each(database, log, 5)
            await until(lambda: database.fetch_value("SELECT count(*) = 3 FROM effects"))
    assert await effects(database) == [("noon", 3), ("noon", 4), ("noon", 5)]


@pytest.mark.parametrize(("since", "expected"), [(timedelta(hours=-1), 2), (timedelta(hours=1), 0)])
async def test_a_time_before_all_events_is_the_oldest_and_one_after_all_is_now(
    database: Database, since: timedelta, expected: int
) -> None:
    """Where there is no event at the time yet, the horizon is where it begins."""
    async with ringing(database) as log:
        await ring_each(database, log, 1, 2)
        await database.run(lambda tx: ensure(tx, {NAME: SystemClock().now() + since}))
        assert len(await unread(database)) == expected
        await ring_each(database, log, 3)
        await until(lambda: caught_up(database))
        assert len(await unread(database)) == expected + 1


async def caught_up(database: Database) -> bool:
    """Whether the horizon has passed every event; a transaction moves it on."""
    await database.fetch_value("SELECT pg_current_xact_id()")
    return bool(
        await database.fetch_value(
            "SELECT coalesce(max(position) < pg_snapshot_xmin(pg_current_snapshot()), true) FROM engine.events"
        )
    )


async def begun_beside_an_open_transaction(database: Database) -> list[str]:
    """Begin at a time at which one transaction had emitted and was still open; return what is then to be read."""
    start = SystemClock().now()
    async with ringing(database) as log:
        late = await database.connect()
        try:
            transaction = late.transaction()
            await transaction.start()
            await log.emit(Transaction(late), Rung(bell="noon", number=1))
            await ring_each(database, log, 2)
            await database.run(lambda tx: ensure(tx, {NAME: start}))
            await transaction.commit()
        finally:
            await late.close()
    await until(lambda: caught_up(database))
    return await unread(database)


async def test_an_event_of_a_transaction_that_was_open_then_is_not_missed(database: Database) -> None:
    """Its position lies before those that could be seen."""
    assert len(await begun_beside_an_open_transaction(database)) == 2


async def test_without_the_horizon_it_would_be_missed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above sees the fault that it is there for."""
    whole = cursors.ENSURE
    without = whole.replace("pg_snapshot_xmin(pg_current_snapshot())", "'9223372036854775807'::xid8")
    assert without != whole
    monkeypatch.setattr(cursors, "ENSURE", without)
    assert await begun_beside_an_open_transaction(database) == ['{"bell":"noon","number":2}']


async def test_who_has_begun_is_not_moved_by_its_since(database: Database) -> None:
    """A restart is no replay."""
    async with ringing(database) as log:
        await database.run(lambda tx: ensure(tx, {NAME: None}))
        await ring_each(database, log, 1, 2)
        await until(lambda: caught_up(database))
        await database.run(lambda tx: ensure(tx, {NAME: SystemClock().now()}))
    assert len(await unread(database)) == 2


async def test_a_replay_refuses_what_is_in_hand_and_reads_anew(database: Database) -> None:
    """A handler is under way when the cursors are set back: its effect is there once, from the new reading."""
    await make_effects(database)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def ring(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)
        if event.number == 3:
            reached.set()
            await go_on.wait()

    consumer = newcomer(ring)
    async with ringing(database) as log, working(database, consumer):
        await ring_each(database, log, 1, 2)
        await drained(database, consumer)
        await until(lambda: database.fetch_value("SELECT count(*) = 2 FROM effects"))
        await ring_each(database, log, 3)
        await reached.wait()
        second = await time_of(database, 2)
        await database.run(lambda tx: set_to(tx, NAME, second))
        go_on.set()
        await until(lambda: database.fetch_value("SELECT count(*) >= 4 FROM effects"))
        await drained(database, consumer)
    assert await effects(database) == [("noon", 1), ("noon", 2), ("noon", 2), ("noon", 3)]


async def test_a_replay_forth_skips(database: Database) -> None:
    """And what is parked behind the new place stays parked, while what lies after it is read from the log."""
    async with ringing(database) as log:
        await database.run(lambda tx: ensure(tx, {NAME: None}))
        await ring_each(database, log, 1, 2, 3)
        await database.fetch(
            "INSERT INTO engine.parked (consumer, event_id, shard, position, at, version, name, key, payload, attempts,"
            " error, next_at) SELECT $1, id, shard, position, at, version, name, key, payload, 1, '', at"
            " FROM engine.events WHERE (payload ->> 'number')::int IN (1, 3)",
            NAME,
        )
        await until(lambda: caught_up(database))
        third = await time_of(database, 3)
        done = await database.run(lambda tx: set_to(tx, NAME, third))
    assert done.unparked == 1
    assert await unread(database) == []  # The epoch of `HELD` is an old one.
    [row] = await database.fetch("SELECT epoch FROM engine.cursors WHERE shard = $1", shard_of("noon"))
    again = await read(database, NAME, {shard_of("noon"): row["epoch"]}, None, 100)
    assert [event.payload for event in again] == ['{"bell":"noon","number":3}']
    [parked] = await database.fetch("SELECT payload FROM engine.parked")
    assert parked["payload"] == '{"bell":"noon","number":1}'


async def test_a_consumer_is_forgotten_only_when_no_worker_serves_it(database: Database) -> None:
    """And then nothing of it is left."""
    await make_effects(database)
    async with working(database, newcomer()):
        await until(lambda: database.fetch_value("SELECT count(*) = 16 FROM engine.cursors WHERE owner IS NOT NULL"))
        with pytest.raises(Refused, match="stop the workers"):
            await database.run(lambda tx: forget(tx, NAME))
    assert [standing.name for standing in await database.run(standings)] == [NAME]
    await database.run(lambda tx: forget(tx, NAME))
    assert await database.run(standings) == []
    assert await database.fetch_value("SELECT count(*) FROM engine.lanes") == 0


async def test_what_does_not_exist_is_not_set_or_forgotten(database: Database) -> None:
    """The answer names those that do."""
    await database.run(lambda tx: ensure(tx, {NAME: None}))
    for work in (lambda tx: set_to(tx, "test.typo", SystemClock().now()), lambda tx: forget(tx, "test.typo")):
        with pytest.raises(Refused, match=NAME):
            await database.run(work)


def test_a_since_without_a_zone_is_refused() -> None:
    """It would mean another instant on another machine."""
    with pytest.raises(ValueError, match="time zone"):
        newcomer(since=SystemClock().now().replace(tzinfo=None))

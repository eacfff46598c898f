"""Lanes on a real database: order, once, parking, hand-over, and late commits refused."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.errors import DeadLetter, Fenced
from comanda.engine.events import EventLog
from comanda.engine.lanes import OutsideConsumer, Retries, consumer, log_source
from comanda.engine.lanes.shares import fair_share
from tests.fakes.lanes import (
    EFFECT,
    Rung,
    Silenced,
    drained,
    effects,
    make_effects,
    ringing,
    until,
    worker,
    working,
)

QUICK = Retries(limit=3, first_s=0.01, most_s=0.02)


@pytest.fixture
async def log(database: Database) -> AsyncIterator[EventLog]:
    """A log, and a table for effects."""
    await make_effects(database)
    async with ringing(database) as opened:
        yield opened


async def ring(database: Database, log: EventLog, *rings: tuple[str, int]) -> None:
    """Ring bells, all in one transaction."""
    async with database.transaction() as tx:
        await log.emit(tx, *(Rung(bell=bell, number=number) for bell, number in rings))


@consumer("test.ring", [Rung], retries=QUICK)
async def leave_effect(tx: Transaction, event: Rung) -> None:
    """Leave an effect; fail for unlucky numbers."""
    if event.number == 13:
        raise ValueError("unlucky")
    await tx.execute(EFFECT, event.bell, event.number)


async def test_each_event_takes_effect_once_and_in_its_keys_order(database: Database, log: EventLog) -> None:
    """Three workers share the shards, come and go; each event is handled once, each key in order."""
    async with working(database, leave_effect) as first:
        await ring(database, log, *((f"bell {n % 7}", n + 100) for n in range(300)))
        async with working(database, leave_effect):
            await ring(database, log, *((f"bell {n % 7}", n + 400) for n in range(300)))
        async with working(database, leave_effect):
            await ring(database, log, *((f"bell {n % 7}", n + 700) for n in range(300)))
            await first.stop()
            await drained(database, leave_effect)
    seen = await effects(database)
    assert sorted(number for _, number in seen) == list(range(100, 1000))
    for bell in range(7):
        numbers = [number for name, number in seen if name == f"bell {bell}"]
        assert numbers == sorted(numbers)


async def test_a_failing_event_is_parked_and_its_neighbours_go_on(database: Database, log: EventLog) -> None:
    """The bad event alone is tried again and becomes a dead letter; its key waits behind it, others do not."""
    async with working(database, leave_effect):
        await ring(database, log, ("a", 1), ("b", 13), ("b", 2), ("c", 3))
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM engine.parked WHERE state = 'dead'"))
    assert sorted(await effects(database)) == [("a", 1), ("c", 3)]
    rows = await database.fetch("SELECT payload->>'number' AS n, state, attempts, error FROM engine.parked ORDER BY 1")
    assert [(row["n"], row["state"], row["attempts"]) for row in rows] == [("13", "dead", 3), ("2", "waiting", 0)]
    assert "unlucky" in rows[0]["error"]


async def test_a_parked_event_goes_through_when_its_cause_is_gone(database: Database, log: EventLog) -> None:
    """Once it succeeds, what waited behind it follows, in order."""
    healed = asyncio.Event()

    @consumer("test.healing", [Rung], retries=Retries(limit=1000, first_s=0.01, most_s=0.02))
    async def heal(tx: Transaction, event: Rung) -> None:
        if event.number == 1 and not healed.is_set():
            raise ValueError("not yet")
        await tx.execute(EFFECT, event.bell, event.number)

    async with working(database, heal):
        await ring(database, log, ("a", 1), ("a", 2), ("a", 3), ("z", 9))
        await until(lambda: database.fetch_value("SELECT count(*) = 3 FROM engine.parked"))
        assert await effects(database) == [("z", 9)]
        healed.set()
        await drained(database, heal)
    assert [number for bell, number in await effects(database) if bell == "a"] == [1, 2, 3]


async def test_a_dead_letter_is_dead_at_once(database: Database, log: EventLog) -> None:
    """A handler that knows better is not asked again."""
    calls = []

    @consumer("test.dead", [Rung], retries=Retries(limit=1000))
    async def die(_: Transaction, event: Rung) -> None:
        calls.append(event.number)
        raise DeadLetter("never")

    async with working(database, die):
        await ring(database, log, ("a", 1))
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM engine.parked WHERE state = 'dead'"))
    assert calls == [1]


async def test_a_killed_workers_shards_are_taken_over(database: Database, log: EventLog) -> None:
    """When its connection ends, others see it at once, long before its lease is over."""
    dying = worker(database, leave_effect, lease_s=3600.0)
    await dying.start()
    await until(lambda: database.fetch_value("SELECT count(*) = 16 FROM engine.cursors WHERE owner IS NOT NULL"))
    # The death of a process is the death of its connections; its rows stay as they are.
    for loop in dying._lane_loops:  # noqa: SLF001 - the test plays the kernel
        if loop._task is not None:  # noqa: SLF001
            loop._task.cancel()  # noqa: SLF001
    leases = dying.leases
    assert leases._loop._task is not None  # noqa: SLF001
    leases._loop._task.cancel()  # noqa: SLF001
    assert leases._connection is not None  # noqa: SLF001
    leases._connection.terminate()  # noqa: SLF001
    async with working(database, leave_effect):
        await ring(database, log, *((f"bell {n}", 100 + n) for n in range(50)))
        await drained(database, leave_effect)
    assert len(await effects(database)) == 50


async def stalled_commit(database: Database, log: EventLog) -> list[tuple[str, int]]:
    """A worker stalls in its handler until another has taken over and done the work; return the effects."""
    await ring(database, log, ("a", 1))
    held = dict.fromkeys(range(16), 0)
    await database.fetch(
        "INSERT INTO engine.cursors (consumer, shard, epoch) SELECT 'test.stalled', s, 0 FROM generate_series(0, 15) s"
    )
    events = await log_source.read(database, "test.stalled", held, ["test.Rung"], 10)
    async with database.transaction() as taking:
        # What a take-over does: the epoch rises, and the new owner does the work under it.
        await taking.execute("UPDATE engine.cursors SET epoch = 1 WHERE consumer = 'test.stalled'")
        await taking.execute(EFFECT, "a", 1)
        await log_source.move(taking, "test.stalled", [msgspec.structs.replace(event, place=1) for event in events])
    try:
        async with database.transaction() as late:
            await late.execute(EFFECT, "a", 1)
            await log_source.move(late, "test.stalled", events)
    except Fenced:
        pass
    return await effects(database)


async def test_a_late_commit_is_refused(database: Database, log: EventLog) -> None:
    """Whoever was believed dead and wakes up late commits nothing."""
    assert await stalled_commit(database, log) == [("a", 1)]


async def test_without_the_epoch_a_late_commit_doubles(
    database: Database, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: with the epoch's check taken out, the late commit goes through and the effect is there twice."""
    monkeypatch.setattr(log_source, "MOVE", log_source.MOVE.replace("AND c.epoch = held.epoch", ""))
    assert await stalled_commit(database, log) == [("a", 1), ("a", 1)]


async def test_a_graceful_stop_hands_the_shards_over(database: Database, log: EventLog) -> None:
    """After a stop no shard has an owner, and no worker is listed."""
    async with working(database, leave_effect):
        await ring(database, log, ("a", 1))
        await drained(database, leave_effect)
    assert await database.fetch_value("SELECT count(*) FROM engine.cursors WHERE owner IS NOT NULL") == 0
    assert await database.fetch_value("SELECT count(*) FROM engine.workers") == 0


async def test_shards_are_shared_evenly(database: Database, log: EventLog) -> None:
    """Two workers come to hold eight of sixteen shards each; when one goes, the other has all."""
    del log
    async with working(database, leave_effect) as one:
        async with working(database, leave_effect) as two:

            async def even() -> bool:
                held = [len(w.leases.held("test.ring")) for w in (one, two)]
                return held == [8, 8]

            await until(even)

        async def alone() -> bool:
            return len(one.leases.held("test.ring")) == 16

        await until(alone)


def test_fair_shares_cover_all_shards() -> None:
    """Whatever the number of workers, their shares add up to all shards and differ by one at most."""
    for count in range(1, 40):
        workers = list(range(100, 100 + count))
        shares = [fair_share(workers, me, 16) for me in workers]
        assert sum(shares) == 16
        assert max(shares) - min(shares) <= 1
    assert fair_share([1, 2], 3, 16) == 0


async def test_cursors_skip_what_is_not_for_them(database: Database, log: EventLog) -> None:
    """A stretch of others' events is passed over once, not read at each look; what comes then is still seen."""
    async with database.transaction() as tx:
        await log.emit_all(tx, [Silenced(bell="a") for _ in range(1000)])
    async with working(database, leave_effect) as running:
        await until(lambda: database.fetch_value("SELECT count(*) = 16 FROM engine.cursors WHERE owner IS NOT NULL"))
        held = running.leases.held("test.ring")
        await log_source.skip(database, "test.ring", held, ["test.Rung"])
        moved = await database.fetch_value("SELECT count(*) FROM engine.cursors WHERE position > '0'")
        assert moved == 1
        await ring(database, log, ("a", 5))
        await drained(database, leave_effect)
    assert await effects(database) == [("a", 5)]


async def test_an_outside_call_is_made_with_no_transaction_open(database: Database, log: EventLog) -> None:
    """Claim, perform, conclude: while it performs, nothing of the worker holds the horizon back."""
    performed: list[int] = []

    async def claim(tx: Transaction, event: Rung) -> int:
        await tx.execute(EFFECT, "claimed", event.number)
        return event.number

    async def perform(number: int) -> str:
        busy = await database.fetch_value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
        )
        assert busy == 0
        performed.append(number)
        return "done"

    async def conclude(tx: Transaction, number: int, outcome: str) -> None:
        await tx.execute(EFFECT, outcome, number)

    calling = OutsideConsumer(name="test.calling", on=(Rung,), claim=claim, perform=perform, conclude=conclude)
    async with working(database, calling):
        await ring(database, log, ("a", 1), ("a", 2), ("b", 3))
        await drained(database, calling)
    assert sorted(performed) == [1, 2, 3]
    seen = await effects(database)
    # The second event of a key is claimed when its first is concluded.
    assert seen.index(("done", 1)) < seen.index(("claimed", 2))


async def test_an_outside_call_that_fails_parks_its_event_alone(database: Database, log: EventLog) -> None:
    """A call that raises is made again for its own event, while its neighbours conclude."""
    calls: list[int] = []

    async def claim(_: Transaction, event: Rung) -> int:
        return event.number

    async def perform(number: int) -> int:
        calls.append(number)
        if number == 13 and calls.count(13) < 3:
            raise ConnectionError("refused")
        return number

    async def conclude(tx: Transaction, number: int, _: int) -> None:
        await tx.execute(EFFECT, "done", number)

    calling = OutsideConsumer(
        name="test.calling",
        on=(Rung,),
        claim=claim,
        perform=perform,
        conclude=conclude,
        retries=Retries(limit=10, first_s=0.01, most_s=0.02),
    )
    async with working(database, calling):
        await ring(database, log, ("a", 1), ("b", 13), ("c", 3))
        await drained(database, calling)
    assert sorted(number for _, number in await effects(database)) == [1, 3, 13]
    assert calls.count(13) == 3

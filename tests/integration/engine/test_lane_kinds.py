"""What a lane can be told: lists, lingering, errors sorted by type, slow calls, shards, pauses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Dropped
from comanda.engine.events import EventLog
from comanda.engine.lanes import Batch, LoggedEvent, OutsideConsumer, Retries, consumer
from comanda.engine.lanes.shares import fair_share, not_wanted
from tests.fakes.lanes import EFFECT, PATIENCE_S, Rung, drained, effects, make_effects, ringing, until, working

OWNED = "SELECT count(*) FROM engine.cursors WHERE consumer = $1 AND owner IS NOT NULL"

OWNERS = "SELECT array_agg(DISTINCT owner) FROM engine.cursors WHERE consumer = $1 AND owner IS NOT NULL"

NOTHING: Any = None


@pytest.fixture
async def log(database: Database) -> AsyncIterator[EventLog]:
    """A log whose waker runs, and a table for the effects."""
    await make_effects(database)
    async with ringing(database) as ready:
        yield ready


async def ring(database: Database, log: EventLog, *rings: tuple[str, int]) -> None:
    """Ring bells, in one transaction."""
    async with database.transaction() as tx:
        await log.emit_all(tx, [Rung(bell=bell, number=number) for bell, number in rings])


async def test_a_list_is_one_transaction(database: Database, log: EventLog) -> None:
    """A handler that takes a list gets many events in one call, and a key's events in their order."""
    calls: list[list[int]] = []

    @consumer("test.list", on=[Rung], batch=Batch(size=100))
    async def handle(tx: Transaction, events: list[Rung]) -> None:
        calls.append([event.number for event in events])
        await tx.execute_many(EFFECT, [(event.bell, event.number) for event in events])

    await ring(database, log, *(("a", number) for number in range(250)))
    async with working(database, handle):
        await drained(database, handle)
    assert [number for call in calls for number in call] == list(range(250))
    assert max(len(call) for call in calls) == 100


async def test_a_bad_event_in_a_list_alone_is_parked(database: Database, log: EventLog) -> None:
    """A batch that fails is cut in half until the bad event stands alone; its neighbours go through."""

    @consumer("test.list", on=[Rung], batch=Batch(size=64), retries=Retries(dead=(ZeroDivisionError,)))
    async def handle(tx: Transaction, events: list[Rung]) -> None:
        await tx.execute_many(EFFECT, [(event.bell, 100 // (event.number - 37)) for event in events])

    await ring(database, log, *((f"bell {number}", number) for number in range(100)))
    async with working(database, handle):
        await drained(database, handle)
    assert len(await effects(database)) == 99
    assert await database.fetch_value("SELECT array_agg(key) FROM engine.parked WHERE state = 'dead'") == ["bell 37"]


async def test_a_batch_lingers_for_more(database: Database, log: EventLog) -> None:
    """Events that come within the linger time are handled in one call."""
    calls: list[int] = []
    first = asyncio.Event()

    @consumer("test.linger", on=[Rung], batch=Batch(size=100, linger_s=0.3))
    async def handle(_tx: Transaction, events: list[Rung]) -> None:
        calls.append(len(events))
        first.set()

    async with working(database, handle) as working_one:
        await until(lambda: database.fetch_value(OWNED, "test.linger"))
        for number in range(5):
            await ring(database, log, ("a", number))
        await first.wait()
        await drained(database, handle)
    assert calls[0] == sum(calls) == 5
    assert working_one.lanes[0].counts.handled == 5


async def test_raw_gets_the_events_as_they_were_logged(database: Database, log: EventLog) -> None:
    """A consumer of all events sees also those that no catalogue here knows, in the log's order."""
    seen: list[tuple[str, str]] = []

    async def handle(_tx: Transaction, events: list[LoggedEvent]) -> None:
        seen.extend((event.name, event.key) for event in events)

    raw = consumer("test.raw", on=[], batch=Batch(size=10))(handle)
    await ring(database, log, ("a", 1))
    await database.fetch(
        "INSERT INTO engine.events (shard, name, version, key, payload) SELECT shard, 'other.Thing', 7, key, '{}' "
        "FROM engine.events"
    )
    everything = type(raw)(**{**raw.__dict__, "raw": True})
    async with working(database, everything):
        await until(lambda: _async(len(seen) == 2))
    assert seen == [("test.Rung", "a"), ("other.Thing", "a")]


async def _async(value: bool) -> bool:  # noqa: FBT001 - a condition
    return value


async def test_what_is_let_go_is_not_tried_again(database: Database, log: EventLog) -> None:
    """`Dropped`, or an error named in `drop`, lets an event go: no effect, no try, nothing parked, its key goes on."""

    @consumer("test.drop", on=[Rung], retries=Retries(drop=(LookupError,)))
    async def handle(tx: Transaction, event: Rung) -> None:
        if event.number == 1:
            raise Dropped("nobody listens any more")
        if event.number == 2:
            raise KeyError("bell")
        await tx.execute(EFFECT, event.bell, event.number)

    await ring(database, log, ("a", 1), ("a", 2), ("a", 3))
    async with working(database, handle):
        await drained(database, handle)
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM effects"))
    assert await effects(database) == [("a", 3)]
    assert await database.fetch_value("SELECT count(*) FROM engine.parked") == 0


def outside(name: str, perform: Any, **more: Any) -> OutsideConsumer:
    """Return a consumer that writes its effect when its call has returned."""

    async def claim(_tx: Transaction, event: Rung) -> Rung:
        return event

    async def conclude(tx: Transaction, work: Rung, _outcome: object) -> None:
        await tx.execute(EFFECT, work.bell, work.number)

    return OutsideConsumer(name=name, on=(Rung,), claim=claim, perform=perform, conclude=conclude, **more)


async def test_a_slow_call_leaves_its_batch(database: Database, log: EventLog) -> None:
    """A call that hangs holds up its own key alone: the batch is concluded without it, later events go on."""
    hung, free = asyncio.Event(), asyncio.Event()
    calls: list[tuple[str, int]] = []

    async def perform(work: Rung) -> None:
        calls.append((work.bell, work.number))
        if work.bell == "slow" and work.number == 0:
            hung.set()
            await free.wait()

    lane = outside("test.slow", perform, patience_s=0.05)
    async with working(database, lane):
        await ring(database, log, ("slow", 0), *((f"bell {number}", 0) for number in range(20)))
        await hung.wait()
        await ring(database, log, ("slow", 1), *((f"bell {number}", 1) for number in range(20)))
        await until(lambda: database.fetch_value("SELECT count(*) = 40 FROM effects"))
        assert not [bell for bell, _ in await effects(database) if bell == "slow"]
        free.set()
        await drained(database, lane)
    assert [effect for effect in await effects(database) if effect[0] == "slow"] == [("slow", 0), ("slow", 1)]
    assert calls.count(("slow", 0)) == 1


async def test_a_slow_call_of_a_worker_that_stops_is_made_again(database: Database, log: EventLog) -> None:
    """What is still under way when a worker ends is left to the next one, at once and not when its time is up."""
    begun = asyncio.Event()
    patient: list[int] = []

    async def hang(_: Rung) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def perform(work: Rung) -> None:
        patient.append(work.number)

    async with working(database, outside("test.slow", hang, patience_s=0.05), grace_s=0.2):
        await ring(database, log, ("a", 1))
        await begun.wait()
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM engine.parked"))
    second = outside("test.slow", perform)
    async with working(database, second):
        await drained(database, second)
    assert patient == [1]
    assert await effects(database) == [("a", 1)]


async def test_a_call_that_takes_too_long_is_a_failed_try(database: Database, log: EventLog) -> None:
    """After `call_s` a call is cancelled and its event is tried again."""
    tries: list[int] = []

    async def perform(work: Rung) -> None:
        tries.append(work.number)
        if len(tries) == 1:
            await asyncio.Event().wait()

    lane = outside("test.slow", perform, call_s=0.1, retries=Retries(first_s=0.01))
    async with working(database, lane):
        await ring(database, log, ("a", 1))
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM effects"))
    assert tries == [1, 1]


async def test_one_call_for_a_batch_keeps_the_order(database: Database, log: EventLog) -> None:
    """`perform_all` gets several events of one key in one call; one that failed is parked, the others concluded."""
    calls: list[list[tuple[str, int]]] = []

    async def perform_all(works: list[Rung]) -> list[object]:
        calls.append([(work.bell, work.number) for work in works])
        return [ValueError("no") if work.bell == "bad" else None for work in works]

    lane = outside("test.all", NOTHING, perform_all=perform_all, batch=50, retries=Retries(limit=1), ordered=False)
    await ring(database, log, *(("a", number) for number in range(20)), ("bad", 0), ("b", 0))
    async with working(database, lane):
        await drained(database, lane)
    assert [number for call in calls for bell, number in call if bell == "a"] == list(range(20))
    assert max(len(call) for call in calls) > 1
    assert len(await effects(database)) == 21
    assert await database.fetch_value("SELECT array_agg(key) FROM engine.parked WHERE state = 'dead'") == ["bad"]


async def test_a_lane_of_one_shard_has_one_owner(database: Database, log: EventLog) -> None:
    """Cut into one shard a lane is one worker's alone; cut into more it is shared, with nothing lost or doubled."""

    @consumer("test.shards", on=[Rung], shards=1)
    async def handle(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)

    async with working(database, handle), working(database, handle):
        await until(lambda: database.fetch_value("SELECT count(*) = 16 FROM engine.cursors WHERE owner IS NOT NULL"))
        assert len(await database.fetch_value(OWNERS, "test.shards")) == 1
        for shards, owners in ((4, 2), (1, 1), (16, 2)):
            await ring(database, log, *((f"bell {n}", shards * 100 + n) for n in range(60)))
            await database.fetch("UPDATE engine.lanes SET shards = $1 WHERE name = 'test.shards'", shards)

            async def settled(wanted: int = owners) -> bool:
                free = 16 - await database.fetch_value(OWNED, "test.shards")
                return free == 0 and len(await database.fetch_value(OWNERS, "test.shards")) == wanted

            await until(settled)
        await drained(database, handle)
    done = await effects(database)
    assert len(done) == len(set(done)) == 180


async def test_a_paused_lane_waits(database: Database, log: EventLog) -> None:
    """While a lane is paused nothing of it is handled; other lanes go on; afterwards it goes on where it was."""

    @consumer("test.paused", on=[Rung])
    async def paused(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)

    @consumer("test.other", on=[Rung])
    async def other(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, "other", event.number)

    async with working(database, paused, other) as worker:
        await until(lambda: database.fetch_value("SELECT count(*) = 2 FROM engine.lanes"))
        await database.fetch("UPDATE engine.lanes SET paused_at = now() WHERE name = 'test.paused'")
        await until(lambda: _async(worker.leases.paused("test.paused")))
        await ring(database, log, ("a", 1))
        await drained(database, other)
        assert await effects(database) == [("other", 1)]
        await database.fetch("UPDATE engine.lanes SET paused_at = NULL WHERE name = 'test.paused'")
        await drained(database, paused)
    assert sorted(await effects(database)) == [("a", 1), ("other", 1)]


async def test_a_graceful_stop_does_not_wait_for_a_long_handler(database: Database, log: EventLog) -> None:
    """Its transaction rolls back within the second in which shards are handed over, and another does it again."""
    begun = asyncio.Event()

    @consumer("test.long", on=[Rung])
    async def long(_tx: Transaction, _event: Rung) -> None:
        begun.set()
        await asyncio.Event().wait()

    @consumer("test.long", on=[Rung])
    async def short(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)

    async with asyncio.timeout(PATIENCE_S):
        async with working(database, long, grace_s=3600.0):
            await ring(database, log, ("a", 1))
            await begun.wait()
    async with working(database, short):
        await drained(database, short)
    assert await effects(database) == [("a", 1)]


def test_shares_are_even_and_not_the_same_worker_gets_the_rest() -> None:
    """All shards are given out, no worker has two more than another, and lanes differ in who has the one more."""
    workers = [3, 5, 8]
    for shards in (1, 2, 4, 8, 16):
        shares = [[fair_share(workers, me, shards, f"lane {n}") for me in workers] for n in range(30)]
        assert all(sum(share) == shards and max(share) - min(share) <= 1 for share in shares)
        assert len({tuple(share) for share in shares}) == 3
    assert fair_share(workers, 4, 16) == 0


@pytest.mark.parametrize(
    ("held", "shards", "share", "given"),
    [
        (range(16), 16, 8, list(range(8, 16))),
        (range(8), 1, 1, list(range(8))),
        (range(16), 1, 1, []),
        ([0, 4, 8, 12, 1, 5], 4, 2, [1, 5]),
        ([0, 4, 8, 12, 1, 5, 9, 13], 4, 1, [1, 5, 9, 13]),
        ([], 16, 3, []),
    ],
)
def test_what_is_given_back(held: range | list[int], shards: int, share: int, given: list[int]) -> None:
    """Parts of a shard that is not held whole are given back, and whole ones beyond the share."""
    assert not_wanted(held, shards, share) == given


async def test_an_event_is_no_document(database: Database, log: EventLog) -> None:
    """An event that no carrier could take is refused where it is emitted, with what to do instead."""
    with pytest.raises(ValueError, match=r"test\.Rung has 300,\d+ bytes.*keep the document"):
        await ring(database, log, ("a" * 300_000, 1))
    assert await database.fetch_value("SELECT count(*) FROM engine.events") == 0

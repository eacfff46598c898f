"""The limiter on a real database: askers one after another, late permits exchanged, dead and stopped askers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.rates import KeyWaits, LaneWaits, Limiter, Permit, Rate, Want, stored_buckets, sweep
from comanda.engine.rates import bucket as buckets
from comanda.engine.rates.limiter import LEAST_SLACK_S
from tests.fakes.clock import FakeClock
from tests.fakes.lanes import until
from tests.fakes.windows import excess

SLOW = Rate(per_s=0.001, burst=40.5)
"""So slow that nothing flows in while a test runs."""

DOMAIN = Rate(per_s=0.001, burst=2.5, by=str)


@asynccontextmanager
async def limiting(database: Database, *rates: Rate, clock: FakeClock | None = None) -> AsyncIterator[Limiter]:
    """Run a limiter."""
    limiter = Limiter(database, "test.lane", rates, clock or SystemClock())
    await limiter.start()
    try:
        yield limiter
    finally:
        await limiter.stop()


async def granted_to_many(database: Database) -> int:
    """Let eight limiters ask for the whole burst at the same time; return how much they got."""
    async with AsyncExitStack() as stack:
        limiters = [await stack.enter_async_context(limiting(database, SLOW)) for _ in range(8)]
        wants = [Want(limiters[0].buckets(None))] * 40
        answers = await asyncio.gather(*(limiter.acquire(wants) for limiter in limiters))
    return sum(isinstance(answer, Permit) for each in answers for answer in each)


async def test_askers_take_turns(database: Database) -> None:
    """Of eight who ask for all at the same moment, the first gets it."""
    assert await granted_to_many(database) == 40


async def test_without_the_lock_all_get_all(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: without the row's lock several see the same full bucket, as soon as two look at the same moment."""
    monkeypatch.setattr(stored_buckets, "LOCK", stored_buckets.LOCK.replace("FOR NO KEY UPDATE", ""))
    for _ in range(50):
        if await granted_to_many(database) > 40:
            return
        await database.fetch("DELETE FROM engine.rates")
    pytest.fail("The first got it all each time, though there was no lock.")


async def pounce(database: Database) -> float:
    """Take a full bucket, begin as late as the slack allows together with all that has flowed in; return the excess."""
    rate = Rate(per_s=100, burst=120)
    limiter = Limiter(database, "test.lane", [rate], SystemClock(), slack_s=1.0)
    await limiter.start()
    permits = []
    for wait_s in (0.0, 0.3):
        await asyncio.sleep(wait_s)
        permits += await limiter.acquire([Want(limiter.buckets(None))] * 200)
    held = [permit for permit in permits if isinstance(permit, Permit) and limiter.fresh(permit)]
    await limiter.stop()
    return excess(rate, [0.0] * len(held))


async def test_calls_that_begin_late_are_not_too_many(database: Database) -> None:
    """A bucket that was full does not fill up again while its calls are on the way."""
    assert await pounce(database) <= 0


async def test_without_the_slacks_price_they_are(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: where nothing is paid for the slack, what has flowed in comes on top."""
    with_price = buckets.taken
    monkeypatch.setattr(buckets, "taken", lambda rate, bucket, _: with_price(rate, bucket, 0.0))
    assert await pounce(database) > 10


async def test_a_killed_asker_loses_what_it_had_asked_for_and_no_more(database: Database) -> None:
    """Permits that are never used are gone; all others are there for the next."""
    async with limiting(database, SLOW) as dying:
        await dying.acquire([Want(dying.buckets(None))] * 10)
    async with limiting(database, SLOW) as other:
        answers = await other.acquire([Want(other.buckets(None))] * 40)
    assert sum(isinstance(answer, Permit) for answer in answers) == 30


async def test_a_stopped_asker_holds_nobody_up_for_long(database: Database) -> None:
    """A worker that is paused with the buckets locked is cut off by the server, and the others go on."""
    async with limiting(database, SLOW) as limiter:
        want = Want(limiter.buckets(None))
        await limiter.acquire([want])
        stopped = await asyncpg.connect(database.url)
        await stopped.execute("BEGIN")
        await stopped.fetch(stored_buckets.LOCK, "test.lane", [""], stored_buckets.HELD_MS)
        async with asyncio.timeout(5):
            answers = await limiter.acquire([want])
        assert isinstance(answers[0], Permit)
        stopped.terminate()


async def test_a_late_permit_is_worth_nothing(database: Database, clock: FakeClock) -> None:
    """Whoever comes after the slack must ask again."""
    async with limiting(database, DOMAIN, clock=clock) as limiter:
        want = Want(limiter.buckets("a"))
        (first,) = await limiter.acquire([want])
        assert isinstance(first, Permit)
        clock.advance(first.slack_s)
        assert limiter.fresh(first)
        clock.advance(0.001)
        assert not limiter.fresh(first)
        assert await limiter.begin([first]) == [None]
        assert isinstance((await limiter.acquire([want]))[0], KeyWaits)


async def test_the_slack_follows_the_way(database: Database, clock: FakeClock) -> None:
    """A permit that came too late lengthens the slack of the next; those that come early shorten it again."""
    async with limiting(database, Rate(per_s=100, burst=100), clock=clock) as limiter:
        slacks_s = []
        for late_s in (0.011, *[0.0] * 60):
            (permit,) = await limiter.acquire([Want(limiter.buckets(None))])
            assert isinstance(permit, Permit)
            clock.advance(late_s)
            limiter.learn(permit)
            slacks_s.append(permit.slack_s)
    assert slacks_s[:2] == [0.01, 0.015]
    assert slacks_s[-1] == LEAST_SLACK_S


async def test_a_late_permit_of_a_key_that_was_slowed_down_waits(database: Database, clock: FakeClock) -> None:
    """When the other side has said "slow down" meanwhile, the call does not begin."""
    async with limiting(database, DOMAIN, clock=clock) as limiter:
        want = Want(limiter.buckets("a"))
        permit = (await limiter.acquire([want]))[0]
        assert isinstance(permit, Permit)
        await limiter.slow_down(want.buckets, 60)
        clock.advance(2)
        (answer,) = await limiter.begin([permit])
        assert isinstance(answer, KeyWaits)
        assert answer.wait_s > 59
        other = (await limiter.acquire([Want(limiter.buckets("b"))]))[0]
        assert isinstance(other, Permit)


async def test_what_one_hears_holds_for_all(database: Database) -> None:
    """One worker's "slow down" lowers the rate of every other worker."""
    async with limiting(database, SLOW) as hears, limiting(database, SLOW) as other:
        await hears.slow_down(hears.buckets(None))
        assert isinstance((await other.acquire([Want(other.buckets(None))]))[0], LaneWaits)
    assert await database.fetch_value("SELECT factor FROM engine.rates") == 0.5


async def test_questions_that_come_together_share_an_exchange(database: Database) -> None:
    """Forty askers of one process do not lock the bucket forty times, and each gets its own answer."""
    async with limiting(database, DOMAIN) as limiter:
        before = await database.fetch_value("SELECT pg_current_xact_id()::text::bigint")
        answers = await asyncio.gather(*(limiter.acquire([Want(limiter.buckets(f"{n % 20}"))]) for n in range(60)))
        after = await database.fetch_value("SELECT pg_current_xact_id()::text::bigint")
    assert [isinstance(answer[0], Permit) for answer in answers] == [True] * 40 + [False] * 20
    assert after - before < 10


async def test_rows_that_say_nothing_go(database: Database) -> None:
    """A bucket that is full again is not kept; a limiter that remembers it from before makes it anew."""
    quick = Rate(per_s=1000, burst=1, by=str)
    async with limiting(database, quick) as limiter, limiting(database, SLOW) as slow:
        want = Want(limiter.buckets("a"))
        await limiter.acquire([want])
        await slow.acquire([Want(slow.buckets(None))])

        async def swept() -> bool:
            return await sweep(database) == 1

        await until(swept)
        assert await database.fetch_value("SELECT array_agg(key) FROM engine.rates") == [""]
        assert isinstance((await limiter.acquire([want]))[0], Permit)


def test_two_rates_of_one_kind_need_names(database: Database, clock: FakeClock) -> None:
    """They would take from one bucket."""
    with pytest.raises(ValueError, match="names of their own"):
        Limiter(database, "test.lane", [Rate(per_s=1), Rate(per_s=2)], clock)
    Limiter(database, "test.lane", [Rate(per_s=1), Rate(per_s=2, name="slowly"), Rate(per_s=1, by=str)], clock)


async def test_a_key_is_read_as_it_is(database: Database) -> None:
    """Keys from outside may hold anything; PostgreSQL takes no NUL."""
    async with limiting(database, DOMAIN) as limiter:
        wants = [Want(limiter.buckets(key)) for key in ("a\0b", "x" * 10_000, "'; --", "")]
        assert all(isinstance(answer, Permit) for answer in await limiter.acquire(wants))


async def test_a_call_without_a_permit_asks_for_one(database: Database) -> None:
    """As many begin as there are permits; the next must wait, and what needs none need not."""
    async with limiting(database, DOMAIN) as limiter:
        needed = limiter.buckets("a")
        assert await limiter.begin([needed, needed]) == [None, None]
        assert isinstance((await limiter.begin([needed]))[0], KeyWaits)
        assert await limiter.begin([()]) == [None]

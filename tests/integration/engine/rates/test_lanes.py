"""Rates in lanes: exact over workers, keys out of each other's way, and the other side's "slow down" heard by all."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import RetryLater, SlowDown
from comanda.engine.events import EventLog
from comanda.engine.lanes import Batch, Consumer, OutsideConsumer, Retries, consumer
from comanda.engine.lanes.pace import Pace
from comanda.engine.rates import Rate
from tests.fakes.lanes import EFFECT, Rung, drained, effects, make_effects, ringing, until, working
from tests.fakes.noted_checks import NotedChecks
from tests.fakes.windows import excess

ROUNDING = 0.05
"""Calls: the looks at the permits of one batch are taken as one moment."""

CLOCK = SystemClock()


@pytest.fixture
async def log(database: Database) -> AsyncIterator[EventLog]:
    """A log, and a table for effects."""
    await make_effects(database)
    async with ringing(database) as opened:
        yield opened


@pytest.fixture
def checks() -> Iterator[NotedChecks]:
    """The moments at which calls begin."""
    noted = NotedChecks(CLOCK)
    yield noted
    noted.undo()


async def ring(database: Database, log: EventLog, *rings: tuple[str, int]) -> None:
    """Ring bells, all in one transaction."""
    async with database.transaction() as tx:
        await log.emit(tx, *(Rung(bell=bell, number=number) for bell, number in rings))


class Calls:
    """An outside that notes when each call to it began, by domain: what stands before the bell's first dot."""

    def __init__(self, checks: NotedChecks | None = None) -> None:
        self._checks = checks
        self.begun: dict[str, list[float]] = defaultdict(list)
        self.answer: Exception | None = None

    async def claim(self, _: Transaction, event: Rung) -> Rung:
        """Nothing to write."""
        return event

    async def perform(self, event: Rung) -> None:
        """Note the call."""
        self.begun[domain(event)].append(CLOCK.monotonic() if self._checks is None else self._checks.take())
        if self.answer is not None:
            raise self.answer

    async def conclude(self, tx: Transaction, event: Rung, _: None) -> None:
        """Leave an effect."""
        await tx.execute(EFFECT, event.bell, event.number)

    def consumer(self, *rates: Rate, **more: Any) -> OutsideConsumer:
        """Return a consumer of calls under `rates`."""
        return OutsideConsumer(
            name="test.calls",
            on=(Rung,),
            claim=self.claim,
            perform=self.perform,
            conclude=self.conclude,
            rates=rates,
            retries=Retries(limit=1000, first_s=0.05, most_s=0.1),
            **more,
        )


def domain(event: Rung) -> str:
    """Return whose rate an event counts against."""
    return event.bell.partition(".")[0]


@pytest.mark.slow  # A hundred and twenty calls at a hundred a second.
async def test_a_lanes_rate_holds_over_workers_and_parks_nothing(
    database: Database, log: EventLog, checks: NotedChecks
) -> None:
    """Two workers share a hundred a second, in every window, while both have more to do; nobody is put aside."""
    calls = Calls(checks)
    rate = Rate(per_s=100, burst=10)
    calling = calls.consumer(rate)
    await ring(database, log, *((f"a.{n}", n) for n in range(120)))
    async with working(database, calling), working(database, calling):
        await until(lambda: database.fetch_value("SELECT count(*) > 40 FROM effects"))
        # None on a quiet machine; on a busy one a call may find its permit too old, and be put off.
        assert await database.fetch_value("SELECT count(*) FROM engine.parked") < 10
        await drained(database, calling)
    assert excess(rate, calls.begun["a"]) <= ROUNDING
    assert sorted(number for _, number in await effects(database)) == list(range(120))


async def test_without_the_pace_the_lane_goes_as_fast_as_it_can(
    database: Database, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: where the lane does not look at its permits, the same events break the promise."""

    async def at_once(_: Pace, events: Sequence[Any], **__: Any) -> Any:
        return events

    async def now(_: Pace, events: Sequence[Any]) -> list[None]:
        return [None] * len(events)

    monkeypatch.setattr(Pace, "admit", at_once)
    monkeypatch.setattr(Pace, "begin", now)
    calls = Calls()
    rate = Rate(per_s=100, burst=10)
    calling = calls.consumer(rate)
    await ring(database, log, *((f"a.{n}", n) for n in range(120)))
    async with working(database, calling):
        await drained(database, calling)
    assert excess(rate, calls.begun["a"]) > 10


@pytest.mark.slow  # Two hundred events of one key wait for their turns while another key's go through.
async def test_a_waiting_key_holds_up_no_other(database: Database, log: EventLog, checks: NotedChecks) -> None:
    """While one domain has two hundred waiting, another's events are handled as if it were not there."""
    calls = Calls(checks)
    rate = Rate(per_s=50, burst=5, by=domain)
    calling = calls.consumer(rate)
    async with working(database, calling):
        await ring(database, log, *((f"slow.{n}", n) for n in range(200)))
        await until(lambda: database.fetch_value("SELECT count(*) > 150 FROM engine.parked"))
        rung_at = CLOCK.monotonic()
        await ring(database, log, ("quick.1", 1000), ("quick.2", 1001))
        await until(lambda: database.fetch_value("SELECT count(*) = 2 FROM effects WHERE number >= 1000"))
        assert len(calls.begun["slow"]) < 190
        assert calls.begun["quick"][1] - rung_at < 0.5
        rows = await database.fetch("SELECT attempts, error, next_at FROM engine.parked ORDER BY next_at")
        assert {(row["attempts"], row["error"]) for row in rows} == {(0, "waits for its rate")}
        # Each was told its own time, so that they do not all come back at once.
        assert (rows[-1]["next_at"] - rows[0]["next_at"]).total_seconds() > 0.8 * len(rows) / 50
        await drained(database, calling)
    assert excess(rate, calls.begun["slow"]) <= ROUNDING
    # And the waiting ones used their rate: 195 beyond the burst take 3.9 s.
    assert calls.begun["slow"][-1] - calls.begun["slow"][0] < 8
    assert len(await effects(database)) == 202


@pytest.mark.slow  # Twenty calls each at fifty a second, and two workers that come up.
async def test_a_lanes_and_a_keys_rate_hold_together(database: Database, log: EventLog, checks: NotedChecks) -> None:
    """An event needs both permits; each rate is kept, and all get through."""
    calls = Calls(checks)
    lane, key = Rate(per_s=200, burst=10), Rate(per_s=50, burst=2, by=domain)
    calling = calls.consumer(lane, key)
    await ring(database, log, *((f"{'abcd'[n % 4]}.{n}", n) for n in range(80)))
    async with working(database, calling), working(database, calling):
        await drained(database, calling)
    for begun in calls.begun.values():
        assert excess(key, begun) <= ROUNDING
    assert excess(lane, [at for begun in calls.begun.values() for at in begun]) <= ROUNDING
    assert len(await effects(database)) == 80


async def test_slow_down_lowers_the_keys_rate_and_no_other(database: Database, log: EventLog) -> None:
    """A 429 halves the rate of its key for everyone and stops it for as long as it said; the event is tried again."""
    calls = Calls()
    calling = calls.consumer(Rate(per_s=1000, burst=50, by=domain))
    calls.answer = SlowDown("429 Too Many Requests", after_s=0.3)
    async with working(database, calling):
        await ring(database, log, ("a.1", 1))
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM engine.rates WHERE factor < 1"))
        calls.answer = None
        await ring(database, log, ("a.2", 2), ("b.1", 3))
        await drained(database, calling)
    first, *later = calls.begun["a"]
    assert min(later) - first >= 0.3
    assert calls.begun["b"][0] < min(later)
    factors = {row["key"]: row["factor"] for row in await database.fetch("SELECT key, factor FROM engine.rates")}
    assert 0.5 <= factors[":a"] < 0.6
    assert factors[":b"] == 1.0


async def test_slow_down_without_rates_is_a_retry(database: Database, log: EventLog) -> None:
    """A lane that has none has nothing to lower."""
    calls = Calls()
    calling = calls.consumer()
    calls.answer = SlowDown("421", after_s=0.05)
    assert isinstance(calls.answer, RetryLater)
    async with working(database, calling):
        await ring(database, log, ("a.1", 1))
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM engine.parked"))
        calls.answer = None
        await drained(database, calling)
    assert len(await effects(database)) == 1


@pytest.mark.slow  # Thirty-six events for each of two keys at sixty a second.
@pytest.mark.parametrize("batch", [100, Batch(size=10)])
async def test_a_direct_lane_keeps_its_rates_and_its_order(
    database: Database, log: EventLog, checks: NotedChecks, batch: int | Batch
) -> None:
    """Handlers of one event and of many begin within the rate; a key's events stay in order though some must wait."""
    begun: dict[str, list[float]] = defaultdict(list)

    async def note(tx: Transaction, events: Sequence[Rung]) -> None:
        at = checks.take()
        for event in events:
            begun[parity(event)].append(at)
            await tx.execute(EFFECT, event.bell, event.number)

    def parity(event: Rung) -> str:
        return "even" if event.number % 2 == 0 else "odd"

    key = Rate(per_s=60, burst=3, by=parity)

    if isinstance(batch, Batch):

        @consumer("test.direct", [Rung], batch=batch, rates=[key])
        async def handle(tx: Transaction, events: list[Rung]) -> None:
            await note(tx, events)
    else:

        @consumer("test.direct", [Rung], batch=batch, rates=[key])
        async def handle(tx: Transaction, event: Rung) -> None:
            await note(tx, [event])

    # A bell's events count against both rates in turn, so that a later one could overtake.
    await ring(database, log, *((f"bell {n % 6}", n // 6) for n in range(72)))
    async with working(database, handle), working(database, handle):
        await drained(database, handle)
    seen = await effects(database)
    assert len(seen) == 72
    for bell in range(6):
        assert [number for name, number in seen if name == f"bell {bell}"] == list(range(12))
    for each in begun.values():
        assert excess(key, each) <= ROUNDING


async def test_a_call_for_many_takes_a_permit_for_each(database: Database, log: EventLog, checks: NotedChecks) -> None:
    """One call that carries many events begins when all of them may; those that may not wait."""
    sent: list[tuple[float, int]] = []

    async def perform_all(events: Sequence[Rung]) -> Sequence[None]:
        sent.append((checks.take(), len(events)))
        return [None] * len(events)

    calls = Calls(checks)
    rate = Rate(per_s=100, burst=10)
    calling = calls.consumer(rate, perform_all=perform_all)
    await ring(database, log, *((f"a.{n}", n) for n in range(60)))
    async with working(database, calling):
        await drained(database, calling)
    assert sum(count for _, count in sent) == 60
    assert excess(rate, [at for at, count in sent for _ in range(count)]) <= ROUNDING


async def test_a_fault_in_a_rates_key_parks_its_event_alone(database: Database, log: EventLog) -> None:
    """`by` is the house's own code: where it raises, that event fails, and its neighbours go on."""

    def by(event: Rung) -> str:
        if event.number == 13:
            raise ValueError("no domain")
        return "all"

    calls = Calls()
    calling = calls.consumer(Rate(per_s=1000, by=by))
    async with working(database, calling):
        await ring(database, log, ("a", 1), ("b", 13), ("c", 3))
        await until(lambda: database.fetch_value("SELECT count(*) = 2 FROM effects"))
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM engine.parked WHERE attempts > 0"))
    assert "no domain" in await database.fetch_value("SELECT error FROM engine.parked")


async def test_a_lane_that_waits_is_quiet(database: Database, log: EventLog) -> None:
    """With nothing left of its rate, a lane neither reads nor asks in a loop."""
    calls = Calls()
    calling = calls.consumer(Rate(per_s=0.01, burst=2))
    async with working(database, calling):
        await ring(database, log, *((f"a.{n}", n) for n in range(20)))
        await until(lambda: database.fetch_value("SELECT count(*) = 2 FROM effects"))
        before = await database.fetch_value("SELECT pg_current_xact_id()::text::bigint")
        await asyncio.sleep(0.5)
        spent = await database.fetch_value("SELECT pg_current_xact_id()::text::bigint") - before
    assert spent < 20
    assert await database.fetch_value("SELECT count(*) FROM engine.parked") == 0


@pytest.mark.slow  # A hundred calls at a hundred a second, and five workers that come up.
async def test_many_workers_share_one_rate(database: Database, log: EventLog, checks: NotedChecks) -> None:
    """Five workers at one rate use it, and not five times."""
    calls = Calls(checks)
    rate = Rate(per_s=100, burst=10)
    calling: Consumer = calls.consumer(rate)
    await ring(database, log, *((f"a.{n}", n) for n in range(100)))
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(working(database, calling))
        await drained(database, calling)
    assert excess(rate, calls.begun["a"]) <= ROUNDING
    assert calls.begun["a"][-1] - calls.begun["a"][0] < 10  # One second, where the machine is quiet.


@pytest.mark.slow  # Two "slow downs" within a second count as one.
async def test_a_handler_may_say_slow_down_too(database: Database, log: EventLog) -> None:
    """A direct lane's handler that raises it lowers the rate, on its first try and when it is tried again."""
    tries: list[int] = []

    @consumer("test.direct", [Rung], retries=Retries(limit=1000), rates=[Rate(per_s=1000, burst=50)])
    async def handle(tx: Transaction, event: Rung) -> None:
        tries.append(event.number)
        if len(tries) < 3:
            raise SlowDown("later", after_s=1.01)
        await tx.execute(EFFECT, event.bell, event.number)

    async with working(database, handle):
        await ring(database, log, ("a", 1))
        await drained(database, handle)
    assert tries == [1, 1, 1]
    # Halved, grown by a sixtieth in a second, and halved again.
    assert await database.fetch_value("SELECT factor FROM engine.rates") < 0.3


async def test_a_dead_letters_key_takes_no_permits_from_others(database: Database, log: EventLog) -> None:
    """Events that wait behind a dead letter pass by without using up the lane's rate."""
    calls = Calls()
    calling = calls.consumer(Rate(per_s=0.001, burst=6.5))
    await ring(database, log, *(("dead", n) for n in range(40)))
    await database.fetch(
        """
        INSERT INTO engine.parked
            (consumer, event_id, shard, position, at, version, name, key, payload, state, attempts, error, next_at)
        SELECT 'test.calls', -1, shard, '0', at, version, name, key, payload, 'dead', 9, 'broken', now()
        FROM engine.events ORDER BY id LIMIT 1
        """
    )
    await ring(database, log, *((f"other {n}", n) for n in range(5)))
    async with working(database, calling):
        await until(lambda: database.fetch_value("SELECT count(*) = 5 FROM effects"))
    assert all(bell.startswith("other") for bell, _ in await effects(database))

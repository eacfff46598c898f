"""What every transport must carry through, whatever happens; each is one entry in `stages.STAGES`."""

import asyncio
import contextlib
import sys

import pytest

from comanda.engine.database import Transaction
from comanda.engine.errors import Unavailable
from comanda.engine.lanes import OutsideConsumer, Retries, consumer
from tests.conformance.transports.bells import hear
from tests.conformance.transports.scenario import Scenario
from tests.conformance.transports.stages import STAGES
from tests.fakes.lanes import EFFECT, Rung, effects, until

QUICK = Retries(limit=3, first_s=0.01, most_s=0.02)

PUBLISHING = sorted(set(STAGES) - {"postgres"})
"""The transports to which events are published; the log itself has them from the start."""

pytestmark = pytest.mark.slow  # Servers of their own, and workers that find each other through them.


async def test_each_event_takes_effect_once_and_in_its_keys_order(scenario: Scenario) -> None:
    """Two workers share the events; each takes effect once, and each key's in their order."""
    async with scenario.process(hear), scenario.process(hear):
        for turn in range(3):
            await scenario.ring(*((f"bell {n % 7}", turn * 100 + n) for n in range(100)))
        seen = await scenario.settled()
    assert sorted(number for _, number in seen) == list(range(300))
    assert scenario.in_order(seen)


async def test_what_was_not_committed_is_brought_again(scenario: Scenario) -> None:
    """A transaction that fails takes no event with it: its events come again, and take effect once."""
    failures = iter(range(3))

    @consumer("test.hear", [Rung])
    async def fail_at_first(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)
        if event.number == 5 and next(failures, None) is not None:
            raise Unavailable("the database went away")

    async with scenario.process(fail_at_first):
        await scenario.ring(*(("bell", number) for number in range(10)))
        seen = await scenario.settled()
    assert sorted(seen) == [("bell", number) for number in range(10)]
    assert scenario.in_order(seen)
    assert next(failures, None) is None


async def test_a_call_to_the_outside_is_concluded_once(scenario: Scenario) -> None:
    """Claims, calls and conclusions come through as well, and in order."""

    async def claim(_: Transaction, event: Rung) -> Rung:
        return event

    async def perform(work: Rung) -> int:
        return work.number

    async def conclude(tx: Transaction, work: Rung, outcome: int) -> None:
        await tx.execute(EFFECT, work.bell, outcome)

    call = OutsideConsumer(name="test.hear", on=(Rung,), claim=claim, perform=perform, conclude=conclude)
    async with scenario.process(call):
        await scenario.ring(*((f"bell {n % 5}", n) for n in range(50)))
        seen = await scenario.settled()
    assert sorted(number for _, number in seen) == list(range(50))
    assert scenario.in_order(seen)


@pytest.mark.parametrize("stage", PUBLISHING, indirect=True)
async def test_what_the_carrier_forgets_is_on_the_disk(scenario: Scenario) -> None:
    """An effect whose event is acknowledged elsewhere is committed for good, not only soon."""

    @consumer("test.hear", [Rung])
    async def listen(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)
        # Deferred triggers run in the commit itself, after all that the lane has set.
        await tx.execute("INSERT INTO commits (kept) VALUES ('')")

    await scenario.database.fetch("CREATE TABLE commits (kept text)")
    await scenario.database.fetch(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE commits SET kept = current_setting('synchronous_commit'); RETURN NULL; END $$"
    )
    await scenario.database.fetch(
        "CREATE CONSTRAINT TRIGGER note AFTER INSERT ON commits DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION note()"
    )
    async with scenario.process(listen):
        await scenario.ring(("bell", 1))
        await scenario.settled()
    kept = [row["kept"] for row in await scenario.database.fetch("SELECT kept FROM commits")]
    assert set(kept) == {"on"}


async def twice_published(scenario: Scenario) -> list[tuple[str, int]]:
    """Publish all events again, some a third time, before and after they took effect; return the effects."""
    await scenario.ring(*((f"bell {n % 5}", n) for n in range(50)))
    async with scenario.transport(hear) as carrier:
        events = await scenario.logged()
        await carrier.publish(events)
        await carrier.publish(events[20:])
        async with scenario.process(hear):
            await scenario.reached(50)
            await carrier.publish(events)
            return await scenario.settled()


@pytest.mark.parametrize("stage", PUBLISHING, indirect=True)
async def test_what_is_published_twice_takes_effect_once(scenario: Scenario) -> None:
    """A relay that died before its cursor moved publishes again: nobody notices."""
    seen = await twice_published(scenario)
    assert sorted(number for _, number in seen) == list(range(50))
    assert scenario.in_order(seen)


@pytest.mark.parametrize("stage", PUBLISHING, indirect=True)
async def test_planted_without_its_check_duplicates_take_effect(scenario: Scenario) -> None:
    """The test above fails where the source does not look for duplicates."""
    with scenario.stage.credulous():
        seen = await twice_published(scenario)
    assert len(seen) > 50


async def test_a_poisonous_event_is_parked_and_its_neighbours_go_on(scenario: Scenario) -> None:
    """The bad event alone is tried again and becomes a dead letter; its key waits behind it, others do not."""

    @consumer("test.hear", [Rung], retries=QUICK)
    async def choke(tx: Transaction, event: Rung) -> None:
        if event.number == 13:
            raise ValueError("unlucky")
        await tx.execute(EFFECT, event.bell, event.number)

    behind = [("b", 2)]
    at_once = behind if scenario.stage.ordered else []
    async with scenario.process(choke):
        await scenario.ring(("a", 1), ("b", 13), *at_once, ("c", 3))
        await until(
            lambda: scenario.database.fetch_value("SELECT count(*) = 1 FROM engine.parked WHERE state = 'dead'")
        )
        await scenario.ring(("a", 4), ("c", 5), *([] if at_once else behind))
        await scenario.reached(4)
        await until(lambda: scenario.database.fetch_value("SELECT count(*) = 2 FROM engine.parked"))
    seen = await effects(scenario.database)
    assert sorted(seen) == [("a", 1), ("a", 4), ("c", 3), ("c", 5)]
    assert scenario.in_order(seen)
    waiting = "SELECT payload->>'number' AS number, attempts FROM engine.parked ORDER BY event_id"
    rows = await scenario.database.fetch(waiting)
    assert [(row["number"], row["attempts"]) for row in rows] == [("13", 3), ("2", 0)]


async def test_workers_come_and_go(scenario: Scenario) -> None:
    """While events arrive, a second worker joins, the first leaves, and a third comes: none is lost, none doubled."""
    async with contextlib.AsyncExitStack() as second:
        async with scenario.process(hear):
            await scenario.ring(*((f"bell {n % 7}", n) for n in range(100)))
            await scenario.reached(50)
            await second.enter_async_context(scenario.process(hear))
            await scenario.ring(*((f"bell {n % 7}", n) for n in range(100, 200)))
            await scenario.reached(150)
        await scenario.ring(*((f"bell {n % 7}", n) for n in range(200, 300)))
        await second.enter_async_context(scenario.process(hear))
        await scenario.ring(*((f"bell {n % 7}", n) for n in range(300, 400)))
        seen = await scenario.settled()
    assert sorted(number for _, number in seen) == list(range(400))
    assert scenario.in_order(seen)


async def test_the_server_is_stopped_and_started_again(scenario: Scenario) -> None:
    """Orders go on where the log does not need the carrier; what waited arrives once it is back, once."""
    numbers = list(range(100))
    async with scenario.process(hear):
        await scenario.ring(*((f"bell {n % 7}", n) for n in numbers))
        await scenario.reached(30)
        await scenario.stage.kill_server()
        with contextlib.suppress(Unavailable):
            await scenario.ring(*((f"bell {n % 7}", n) for n in range(100, 150)))
            numbers += range(100, 150)
        await scenario.stage.start_server()
        await scenario.ring(*((f"bell {n % 7}", n) for n in range(150, 200)))
        seen = await scenario.settled()
    assert sorted(number for _, number in seen) == [*numbers, *range(150, 200)]
    assert scenario.in_order(seen)


async def test_a_worker_is_killed_in_the_middle_of_a_batch(scenario: Scenario) -> None:
    """What it had not committed is done by another, and what it had is not done again."""
    stuck = scenario.folder / "stuck"
    arguments = (scenario.stage.url, scenario.stage.database_url, str(scenario.folder))
    dying = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.conformance.transports.dying_worker", *arguments
    )
    try:
        await scenario.ring(*((f"bell {n % 7}", n) for n in range(100)))
        await until(lambda: asyncio.to_thread(stuck.exists))
    finally:
        dying.kill()
        await dying.wait()
    before = await scenario.count()
    assert before < 100
    async with scenario.process(hear):
        seen = await scenario.settled()
    assert sorted(number for _, number in seen) == list(range(100))
    assert scenario.in_order(seen)

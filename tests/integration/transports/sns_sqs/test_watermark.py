"""The cursors follow the inbox: what is not beyond them has had its effect, whatever carried the events."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog, Waker
from comanda.engine.lanes import backlogs
from comanda.engine.lanes.cursors import ensure
from comanda.engine.lanes.horizon import HORIZON
from comanda.engine.lanes.source import LoggedEvent, logged
from comanda.engine.transports.sns_sqs import watermark
from comanda.engine.transports.sns_sqs.inbox import Inbox
from comanda.engine.transports.sns_sqs.watermark import Watermark
from tests.conformance.transports.scenario import READ
from tests.conformance.transports.stage import process
from tests.fakes.lanes import Rung, Silenced, drained, effects, make_effects, ringing, until, working
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.consumers import hear
from tests.integration.transports.sns_sqs.shop import Shop, emptied


async def emit(tx: Transaction, *numbers: int) -> None:
    """Ring one bell."""
    await EventLog(Waker(Database("postgresql://"))).emit(tx, *(Rung(bell="bell", number=n) for n in numbers))


async def written(database: Database) -> list[LoggedEvent]:
    """Return the log."""
    return [logged(row) for row in await database.fetch(READ)]


async def handle(database: Database, events: Sequence[LoggedEvent]) -> None:
    """Write into the inbox that events were handled."""
    async with database.transaction() as tx:
        await Inbox(hear.name, "we").write(tx, events)


async def followed(database: Database) -> int:
    """Let the cursors follow, and return how many events are left beyond them."""
    await Watermark(database, hear).follow()
    (backlog,) = await backlogs(database, [hear])
    return backlog.events


@pytest.fixture
async def log(database: Database) -> list[LoggedEvent]:
    """A log of six rings of one bell, and the consumer's cursors before it."""
    async with database.transaction() as tx:
        await ensure(tx, {hear.name: None})
        await emit(tx, *range(6))
    return await written(database)


async def test_cursors_go_up_to_the_first_that_is_not_handled(database: Database, log: list[LoggedEvent]) -> None:
    """What was handled beyond a gap is passed when the gap is closed."""
    await handle(database, [log[0], log[1], log[3], log[4]])
    assert await followed(database) == 4
    await handle(database, [log[2]])
    assert await followed(database) == 1
    await handle(database, [log[5]])
    assert await followed(database) == 0


async def test_what_is_only_claimed_is_not_passed(database: Database, log: list[LoggedEvent]) -> None:
    """A claim says who is at it, not that it is done."""
    async with database.transaction() as tx:
        await Inbox(hear.name, "we").claim(tx, log[:3], 60.0)
    assert await followed(database) == 6


async def test_events_that_the_consumer_does_not_want_hold_nothing_up(
    database: Database, log: list[LoggedEvent]
) -> None:
    """They never come to its inbox."""
    async with database.transaction() as tx:
        await EventLog(Waker(database)).emit(tx, Silenced(bell="bell"))
        await emit(tx, 6)
    events = [event for event in await written(database) if event.name == Rung.name]
    assert len(events) == len(log) + 1
    await handle(database, events)
    assert await followed(database) == 0


async def overtaken(database: Database) -> list[int]:
    """Commit an event late whose position is early, after a later one was handled; return what is taken for new."""
    async with database.transaction() as tx:
        await ensure(tx, {hear.name: None})
    async with database.transaction() as early:
        await emit(early, 1)
        async with database.transaction() as late:
            await emit(late, 2)
        await handle(database, await written(database))
        await Watermark(database, hear).follow()
    async with database.transaction() as tx:
        return [event.id for event in await Inbox(hear.name, "we").unseen(tx, await written(database))]


async def test_nothing_is_passed_that_may_still_be_overtaken(database: Database) -> None:
    """An event of a transaction that is still open can lie before one that is handled; it is not lost behind it."""
    unseen = await overtaken(database)
    assert unseen == [(await written(database))[0].id]


async def test_planted_beyond_the_horizon_an_event_is_lost(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above fails where the cursors are moved without regard to the horizon."""
    monkeypatch.setattr(watermark, "FOLLOW", watermark.FOLLOW.replace(HORIZON, "'9223372036854775807'::xid8"))
    assert await overtaken(database) == []


async def test_a_long_way_is_gone_in_steps(
    database: Database, log: list[LoggedEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One statement looks at a bounded number of events, and as many are run as are needed."""
    monkeypatch.setattr(watermark, "AT_ONCE", 2)
    await handle(database, log)
    assert await followed(database) == 0


@pytest.mark.slow  # Two kinds of workers run, one after the other.
async def test_what_one_carrier_brought_is_not_done_again_by_another(
    moto: MotoProcess, database: Database, tmp_path: Path
) -> None:
    """From the log itself to SNS and SQS and back: each event takes effect once, though all is published anew."""
    shop = Shop(moto, fifo=True)
    await make_effects(database)
    async with ringing(database) as log:
        for numbers, carried in ((range(10), False), (range(10, 20), True), (range(20, 30), False)):
            async with database.transaction() as tx:
                await log.emit(tx, *(Rung(bell=f"bell {n % 3}", number=n) for n in numbers))
            if carried:
                async with process(shop.url, database, hear, folder=tmp_path):
                    await drained(database, hear)
                    await until(lambda: database.fetch_value("SELECT count(*) >= 10 FROM engine.inbox"))
                    await emptied(shop, hear)
            else:
                async with working(database, hear):
                    await drained(database, hear)
    assert sorted(number for _, number in await effects(database)) == list(range(30))

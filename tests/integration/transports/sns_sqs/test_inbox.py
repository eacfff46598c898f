"""The inbox, by which an event that comes twice takes effect once.

A FIFO queue of AWS passes over what is published twice within five minutes; moto does so only while the first is not
deleted. So what is published again comes again here, as it would on AWS after those minutes.
"""

import asyncio

import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Fenced
from comanda.engine.transports.sns_sqs.inbox import Inbox
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.consumers import hear
from tests.integration.transports.sns_sqs.shop import Shop, brought, emptied, over
from tests.unit.transports.sns_sqs.events import rung

EVENTS = [rung(1), rung(2), rung(3)]


@pytest.fixture
def ours() -> Inbox:
    """Our own."""
    return Inbox("test.hear", "we")


@pytest.fixture
def theirs() -> Inbox:
    """That of another worker of the same consumer."""
    return Inbox("test.hear", "they")


async def handled(database: Database, inbox: Inbox, *numbers: int) -> None:
    """Let a worker handle events."""
    async with database.transaction() as tx:
        await inbox.write(tx, [rung(number) for number in numbers])


async def unseen(database: Database, inbox: Inbox) -> list[int]:
    """Return which of the events a worker takes for unhandled."""
    async with database.transaction() as tx:
        return [event.id for event in await inbox.unseen(tx, EVENTS)]


async def test_what_was_handled_is_seen_by_all_workers(database: Database, ours: Inbox, theirs: Inbox) -> None:
    """A row of the inbox stands for the effect that was committed with it; other consumers have their own."""
    await handled(database, ours, 1, 2)
    assert await unseen(database, ours) == [3]
    assert await unseen(database, theirs) == [3]
    assert await unseen(database, Inbox("test.other", "we")) == [1, 2, 3]


async def test_what_was_rolled_back_is_not_seen(database: Database, ours: Inbox) -> None:
    """Effect and row are one commit: without the one there is not the other."""

    async def fail(tx: Transaction) -> None:
        await ours.write(tx, EVENTS)
        raise ValueError("The effect failed.")

    with pytest.raises(ValueError, match="failed"):
        await database.run(fail)
    assert await unseen(database, ours) == [1, 2, 3]


async def test_a_batch_of_seen_and_unseen_is_written(database: Database, ours: Inbox, theirs: Inbox) -> None:
    """A lane writes its whole batch; what was found seen in it is passed over, not taken for another's doing."""
    await handled(database, theirs, 2)
    async with database.transaction() as tx:
        await ours.unseen(tx, EVENTS)
        await ours.write(tx, EVENTS)
    assert await unseen(database, theirs) == []


async def test_the_second_of_two_who_handle_an_event_is_refused(database: Database, ours: Inbox, theirs: Inbox) -> None:
    """Both found it unseen; the one who commits later rolls back whole, and sees it the next time."""
    async with database.transaction() as first:
        assert len(await theirs.unseen(first, EVENTS)) == 3

        async def second() -> None:
            async with database.transaction() as tx:
                assert len(await ours.unseen(tx, EVENTS)) == 3
                looked.set()
                await written.wait()
                await ours.write(tx, EVENTS)

        looked, written = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(second())
        await looked.wait()
        await theirs.write(first, [rung(2)])
        written.set()
    with pytest.raises(Fenced):
        await task
    assert await unseen(database, ours) == [1, 3]


async def test_only_one_of_two_claims_an_event(database: Database, ours: Inbox, theirs: Inbox) -> None:
    """Two ask at the same moment; the second waits for the first's commit, and then knows."""
    async with database.transaction() as first:
        assert await theirs.claim(first, [rung(2)], 60.0) == []

        async def second() -> list[int]:
            async with database.transaction() as tx:
                asked.set()
                return [event.id for event in await ours.claim(tx, EVENTS, 60.0)]

        asked = asyncio.Event()
        task = asyncio.create_task(second())
        await asked.wait()
    assert await task == [2]
    with pytest.raises(Fenced):
        await handled(database, ours, 2)


async def test_a_claim_is_renewed_by_its_holder_and_becomes_the_effects_row(database: Database, ours: Inbox) -> None:
    """Who claims again after a failure goes on with his own."""
    for _ in range(2):
        async with database.transaction() as tx:
            assert await ours.claim(tx, EVENTS, 60.0) == []
            assert await ours.unseen(tx, EVENTS) == EVENTS
    await handled(database, ours, 1, 2, 3)
    assert await unseen(database, Inbox("test.hear", "they")) == []


async def test_a_claim_ends(database: Database, ours: Inbox, theirs: Inbox) -> None:
    """What a dead worker had claimed is taken over when its time is over; should it wake up, it is refused."""
    async with database.transaction() as tx:
        await theirs.claim(tx, EVENTS, 0.0)
    async with database.transaction() as tx:
        assert await ours.claim(tx, EVENTS, 60.0) == []
    with pytest.raises(Fenced):
        await handled(database, theirs, 1)
    await handled(database, ours, 1)


async def test_what_was_handled_is_not_claimed_but_seen(database: Database, ours: Inbox, theirs: Inbox) -> None:
    """A handled event is nobody's to claim, and no reason to wait."""
    await handled(database, theirs, 2)
    async with database.transaction() as tx:
        assert await ours.claim(tx, EVENTS, 60.0) == []
        assert [event.id for event in await ours.unseen(tx, EVENTS)] == [1, 3]


@pytest.mark.slow  # The message comes again when its visibility, of two seconds, is over.
async def test_one_event_that_another_has_does_not_hold_up_its_neighbours(
    moto: MotoProcess, database: Database, theirs: Inbox
) -> None:
    """The source lets go of it after the first refusal; when it comes again, it has been handled and is seen."""
    shop = Shop(moto, fifo=False, visibility_s=2)
    await shop.transport(hear).publish(EVENTS)
    async with database.transaction() as tx:
        await theirs.claim(tx, [rung(2)], 60.0)
    async with shop.source(hear) as source:
        events = await brought(source, 3)
        with pytest.raises(Fenced):
            async with database.transaction() as tx:
                await source.unseen(tx, events, moving=False)
        rest = await source.read(10)
        assert sorted(event.id for event in rest) == [1, 3]
        async with database.transaction() as tx:
            assert len(await source.unseen(tx, rest, moving=False)) == 2
        await handled(database, theirs, 2)
        async with database.transaction() as tx:
            await source.move(tx, rest)
        await source.acknowledge(rest)
        again = await brought(source, 1)
        async with database.transaction() as tx:
            assert await source.unseen(tx, again, moving=False) == []
        await source.acknowledge(again)
        await emptied(shop, hear)


@pytest.mark.slow  # The claim is as long as the visibility, two seconds.
async def test_no_call_begins_past_the_end_of_its_claim(moto: MotoProcess, database: Database) -> None:
    """The message is extended, the claim is not: another may have taken it, and `valid` says so before each call."""
    shop = Shop(moto, fifo=False, visibility_s=2)
    await shop.transport(hear).publish([rung(1)])
    async with shop.source(hear) as source:
        events = await brought(source, 1)
        async with database.transaction() as tx:
            await source.unseen(tx, events, moving=False)
        assert source.valid()
        await over(source)
        assert await source.read(10) == events
        assert source.valid()

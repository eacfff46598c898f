"""Claims that somebody else must settle: lost machines, two at once, what a journal tells late; and refusals."""

import asyncio
from functools import partial
from typing import Any

import pytest

from comanda.contexts.campaigns.sending import Work
from comanda.contexts.campaigns.settlement import Settlement, Trying
from comanda.contexts.campaigns.statement import Statement, statement
from comanda.contracts.campaigns import ChunkDue, FreezeDue
from comanda.engine.database import Database
from comanda.mail.pipeline import Outcome
from tests.fakes.campaign_sending import ACCEPTED, CATALOGUE, Desk, FakeOffice, World, campaign, move, people, states

HUNDRED = [f"g{n}@shop.example" for n in range(100)]


async def frozen(desk: Desk, **facts: Any) -> int:
    """Freeze a campaign to a hundred people; return its number."""
    await people(desk.database, HUNDRED)
    number = await campaign(desk.database, **facts)
    for page in range(4):
        event = FreezeDue(campaign=number, epoch=1, page=page)
        await desk.database.run(partial(desk.freezing.freeze, event=event))
    await desk.settler.look()
    return number


def due(number: int, *recipients: int, epoch: int = 1) -> ChunkDue:
    """Return an event of the campaign's only stream."""
    return ChunkDue(lane=f"{number}:0", campaign=number, stream=0, epoch=epoch, recipients=recipients)


async def claimed(desk: Desk, event: ChunkDue) -> Work:
    """Claim a chunk that there is."""
    work = await desk.database.run(lambda tx: desk.sending.claim(tx, event))
    assert work is not None
    return work


async def sent(desk: Desk, event: ChunkDue) -> None:
    """Claim, send and conclude a chunk."""
    work = await claimed(desk, event)
    paced = await desk.sending.perform(work)
    await desk.database.run(lambda tx: desk.sending.conclude(tx, work, paced))


async def retries(database: Database) -> list[tuple[int, ...]]:
    """Return whom the events name that wait for their time."""
    rows = await database.fetch("SELECT name, version, payload FROM engine.timers ORDER BY id")
    events = [CATALOGUE.decode(row["name"], row["version"], row["payload"]) for row in rows]
    return [event.recipients for event in events if isinstance(event, ChunkDue) and event.recipients]


@pytest.mark.parametrize("policy", ["at_most_once", "at_least_once"])
async def test_what_a_lost_machine_had_in_flight_follows_the_policy(database: Database, policy: str) -> None:
    """It is uncertain, all of it and no more; or it is sent again, and counted."""
    world = World()
    lost = Desk(database, FakeOffice(world, "lost", "j1"), chunk=30, lost_after_s=0.0)
    number = await frozen(lost, policy=policy)
    await lost.settler.look()
    await claimed(lost, due(number))
    other = Desk(database, FakeOffice(world, "other", "j2"), chunk=30, lost_after_s=0.0)
    assert await other.settler.look() == 1
    assert await other.settler.look() == 0
    found = await statement(database, number)
    assert (found.uncertain, found.never) == (30, 70)
    assert await states(database, number) == ({6: 30, 0: 70} if policy == "at_most_once" else {0: 100})
    assert await retries(database) == ([] if policy == "at_most_once" else [tuple(range(1, 31))])


async def test_a_machine_that_comes_back_is_heard(database: Database) -> None:
    """Its journal tells what it had sent; who was sent to again meanwhile was mailed twice, and is counted so."""
    world = World()
    lost = Desk(database, FakeOffice(world, "lost", "j1"), chunk=10, lost_after_s=900.0)
    number = await frozen(lost, policy="at_least_once")
    work = await claimed(lost, due(number))
    await lost.sending.perform(work)
    other = Desk(database, FakeOffice(world, "other", "j2"), chunk=10)
    rows = await database.fetch("SELECT id, campaign, stream FROM campaigns.claims")
    given_up = [(row["id"], row["campaign"], row["stream"]) for row in rows]
    await database.run(lambda tx: other.settling.give_up(tx, given_up))
    await other.settler.look()
    await sent(other, due(number, 1, 2, 3))
    world.living.discard(("lost", "j1"))
    back = Desk(database, FakeOffice(world, "lost", "j3"))
    assert await back.settler.look() == 1
    expected = Statement(recipients=100, never=90, once=7, uncertain=0, twice=3, perhaps_twice=7)
    assert await statement(database, number) == expected
    assert len(world.twice()) == 3


async def test_of_two_settlers_one_wins(database: Database) -> None:
    """A claim that two settle at once is written once."""
    world = World()
    desk = Desk(database, FakeOffice(world, "m", "j1"), chunk=50)
    number = await frozen(desk)
    work = await claimed(desk, due(number))
    settlement = Settlement(
        claim=work.claim, campaign=number, stream=0, outcomes={one.number: ACCEPTED for one in work.recipients}
    )
    settle = [database.run(lambda tx: desk.settling.settle(tx, [settlement])) for _ in range(4)]
    assert sorted(await asyncio.gather(*settle)) == [0, 0, 0, 1]
    assert (await statement(database, number)).once == 50
    assert await database.fetch_value("SELECT open FROM campaigns.streams") == 50


async def test_a_claim_of_a_living_process_is_left_alone(database: Database) -> None:
    """What another process of the machine is sending is its own; an event that comes again takes the next."""
    world = World()
    one, other = (Desk(database, FakeOffice(world, "m", f"j{n}"), chunk=40) for n in (1, 2))
    number = await frozen(one)
    first = await claimed(one, due(number))
    await other.settler.look()
    second = await claimed(other, due(number))
    assert await other.settler.look() == 0
    assert not {r.number for r in first.recipients} & {r.number for r in second.recipients}


async def test_a_refusal_for_now_is_tried_again_slows_the_domain_and_ends(database: Database) -> None:
    """The recipient goes back with its own event, the domain gets a limit, and at the last try it is given up."""
    world = World()
    world.answer = lambda _: Outcome("refused_for_now", "451 4.7.1 slow down", 451, "4.7.1")
    desk = Desk(database, FakeOffice(world, "m", "j1"), chunk=5, trying=Trying(limit=2))
    number = await frozen(desk)
    await sent(desk, due(number))
    assert await states(database, number) == {0: 100}
    assert await retries(database) == [(1, 2, 3, 4, 5)]
    assert await database.fetch_value("SELECT domain FROM campaigns.slowed_domains") == "shop.example"
    assert await database.fetch_value("SELECT factor FROM engine.rates WHERE key = 'domain:shop.example'") < 1
    await sent(desk, due(number, 1, 2))
    assert await states(database, number) == {0: 98, 3: 2}
    assert (await statement(database, number)).never == 100
    await desk.pacing.stop()


async def test_a_stale_event_does_nothing_and_a_cancelled_campaign_sends_nothing(database: Database) -> None:
    """What was set going before a pause or a cancellation ends by itself; what was in flight is settled."""
    world = World()
    desk = Desk(database, FakeOffice(world, "m", "j1"), chunk=10)
    number = await frozen(desk)
    work = await claimed(desk, due(number))
    await database.run(lambda tx: move(tx, number, "cancelled"))
    assert await database.run(lambda tx: desk.sending.claim(tx, due(number))) is None
    assert await database.run(lambda tx: desk.sending.claim(tx, due(number, epoch=2))) is None
    paced = await desk.sending.perform(work)
    await database.run(lambda tx: desk.sending.conclude(tx, work, paced))
    found = await statement(database, number)
    assert (found.never, found.once) == (90, 10)


async def test_a_warm_up_claims_no_more_than_the_day_allows(database: Database) -> None:
    """The rest is due tomorrow."""
    world = World()
    desk = Desk(database, FakeOffice(world, "m", "j1"), chunk=40)
    number = await frozen(desk)
    await database.fetch(
        "INSERT INTO campaigns.senders (restaurant_id, email, name, warm_up) SELECT restaurant_id, 'n@x.example', 'N', "
        "jsonb_build_object('began', current_date, 'first', 60, 'growth', 2) FROM campaigns.campaigns"
    )
    await sent(desk, due(number))
    await sent(desk, due(number))
    work = await claimed(desk, due(number))
    assert work.claim is None
    assert work.until is not None
    assert len(world.taken) == 60


async def test_nobody_sends_on_a_machine_that_cannot_say_that_it_lives(database: Database) -> None:
    """Others may be about to give it up: what it claimed goes back unsent."""
    world = World()
    desk = Desk(database, FakeOffice(world, "m", "j1"), chunk=10)
    number = await frozen(desk)
    silent = Desk(database, FakeOffice(world, "m2", "j2"), chunk=10)
    await sent(silent, due(number))
    assert not world.taken
    assert await states(database, number) == {0: 100}

"""Limits as a mail server sees them, with several that send."""

import asyncio
from collections import defaultdict

from comanda.contexts.campaigns.pacing import Pacing
from comanda.contexts.campaigns.rates import limits_of
from comanda.contracts.campaigns import FreezeDue
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.lanes import Worker
from comanda.engine.service import running
from comanda.mail.pipeline import Outcome
from comanda.mail.posting import Posting
from tests.fakes.campaign_sending import ACCEPTED, CATALOGUE, Desk, FakeOffice, World, campaign, people, state_of
from tests.fakes.lanes import until


async def test_no_domain_is_above_its_limit_in_any_second_and_none_holds_up_others(database: Database) -> None:
    """Three workers, a domain with 20 a second and one without a limit: the free one is done first."""
    await people(database, [f"g{n}@slow.example" for n in range(60)] + [f"g{n}@fast.example" for n in range(2_000)])
    clock, world = SystemClock(), World()
    seen: dict[str, list[float]] = defaultdict(list)

    def answer(posting: Posting) -> Outcome:
        seen[posting.to.rpartition("@")[2]].append(clock.monotonic())
        return ACCEPTED

    world.answer = answer
    desks = [Desk(database, FakeOffice(world, "m", f"j{n}"), rates="slow.example=20") for n in range(3)]
    number = await campaign(database)
    services = [s for d in desks for s in (d.waker, d.settler, d.pacing, Worker(database, CATALOGUE, d.consumers))]
    async with running(services):
        await database.run(lambda tx: desks[0].log.emit(tx, FreezeDue(campaign=number, epoch=1, page=0)))

        async def finished() -> bool:
            return await state_of(database, number) == "finished"

        await until(finished)
    times = seen["slow.example"]
    assert len(times) == 60
    assert max(sum(begin <= at < begin + 1 for at in times) for begin in times) <= 20
    assert times[-1] - times[0] >= 2
    assert max(seen["fast.example"]) < times[-1] - 1
    assert not world.twice()


async def test_without_limits_nobody_is_asked(database: Database) -> None:
    """No limiter is made, and no bucket."""
    world = World()
    desk = Desk(database, FakeOffice(world, "m", "j1"))
    pacing = Pacing(database, limits_of(""), SystemClock())
    paced = await pacing.send([], sender="", per_s=None, shared=True, waited=False, send=lambda _: asyncio.sleep(0, {}))
    assert not paced.outcomes
    assert desk.pacing.limits.of_domain("x.example") is None
    assert await database.fetch_value("SELECT count(*) FROM engine.rates") == 0

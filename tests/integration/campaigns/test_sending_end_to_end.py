"""From an audience to a finished campaign, through real lanes."""

from comanda.contracts.campaigns import FreezeDue
from comanda.engine.database import Database
from comanda.engine.lanes import Worker
from comanda.engine.service import running
from tests.fakes.campaign_sending import CATALOGUE, Desk, FakeOffice, World, campaign, people, state_of, states
from tests.fakes.lanes import until


async def test_everybody_is_mailed_once_and_the_campaign_finishes(database: Database) -> None:
    """A frozen campaign's streams run to their end; each is mailed once, and the ledger says so."""
    await people(database, [f"guest{n}@shop{n % 7}.example" for n in range(3_000)])
    world = World()
    desk = Desk(database, FakeOffice(world, "m", "j1"), page=1_000)
    number = await campaign(database)
    worker = Worker(database, CATALOGUE, desk.consumers)
    async with running([desk.waker, desk.settler, desk.pacing, worker]):
        await database.run(lambda tx: desk.log.emit(tx, FreezeDue(campaign=number, epoch=1, page=0)))

        async def finished() -> bool:
            return await state_of(database, number) == "finished"

        await until(finished)
    assert await states(database, number) == {2: 3_000}
    assert len(world.taken) == 3_000
    assert not world.twice()
    assert await database.fetch_value("SELECT count(*) FROM campaigns.claims") == 0
    assert await database.fetch_value("SELECT recipients FROM campaigns.campaigns") == 3_000

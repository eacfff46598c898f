"""Handling events again.

On AWS a FIFO topic passes over what it was given within the last five minutes, so that a replay brings what is older;
moto forgets sooner, and brings all.
"""

from pathlib import Path

import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.lanes import Consumer, consumer
from comanda.engine.lanes.cursors import set_to
from comanda.engine.transports import relay_of
from tests.conformance.transports.stage import opened_log, process
from tests.fakes.lanes import EFFECT, Rung, drained, effects, make_effects
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.consumers import hear
from tests.integration.transports.sns_sqs.shop import Shop

pytestmark = pytest.mark.slow  # Workers run one after the other.

EVENTS = 10


@consumer("test.newcomer", [Rung])
async def newcomer(tx: Transaction, event: Rung) -> None:
    """Come later, and want to know what was before."""
    await tx.execute(EFFECT, f"new {event.bell}", event.number)


async def heard(shop: Shop, database: Database, folder: Path, *consumers: Consumer) -> list[int]:
    """Run a worker until nothing is left, and return the numbers of all effects."""
    async with process(shop.url, database, *consumers, folder=folder):
        await drained(database, *consumers)
    return [number for _, number in await effects(database)]


async def replay(database: Database, *names: str) -> None:
    """Set consumers back to before the first event."""
    since = await database.fetch_value("SELECT min(at) FROM engine.events")
    for name in names:
        async with database.transaction() as tx:
            await set_to(tx, name, since)


@pytest.fixture
async def shop(moto: MotoProcess, database: Database, tmp_path: Path) -> Shop:
    """A shop whose consumer has heard ten rings of one bell."""
    shop = Shop(moto, fifo=True)
    await make_effects(database)
    async with opened_log(database) as log, database.transaction() as tx:
        await log.emit(tx, *(Rung(bell="bell", number=number) for number in range(EVENTS)))
    assert await heard(shop, database, tmp_path, hear) == [*range(EVENTS)]
    return shop


async def test_a_consumer_and_the_relay_set_back_do_it_again(shop: Shop, database: Database, tmp_path: Path) -> None:
    """The inbox forgets what lies after the cursor, and the relay brings it once more, in order."""
    relay = relay_of(shop.transport(hear)).name
    await replay(database, hear.name, relay)
    assert await heard(shop, database, tmp_path, hear) == [*range(EVENTS), *range(EVENTS)]


async def test_a_newcomer_hears_what_was_before_and_the_others_do_nothing_twice(
    shop: Shop, database: Database, tmp_path: Path
) -> None:
    """With the relay set back, its queue gets the old events first; who has handled them sees that."""
    relay = relay_of(shop.transport(hear)).name
    await replay(database, relay)
    assert await heard(shop, database, tmp_path, hear, newcomer) == [*range(EVENTS), *range(EVENTS)]
    new = "SELECT count(*) = 10 FROM effects WHERE bell = 'new bell'"
    assert await database.fetch_value(new)

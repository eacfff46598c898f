"""AWS out of reach, and AWS with everything gone.

Moto keeps its state in memory: a server that was killed comes back empty, which the real ones do not. What was in the
queues is then lost there; the log still has it.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from comanda.engine.database import Database
from comanda.engine.errors import Unavailable
from tests.conformance.transports.stage import opened_log, process
from tests.fakes.lanes import Rung, effects, make_effects, until
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.consumers import hear
from tests.integration.transports.sns_sqs.shop import Shop, brought, emptied
from tests.unit.transports.sns_sqs.events import rung


@pytest.fixture
async def mortal() -> AsyncIterator[MotoProcess]:
    """A server of the test's own."""
    async with MotoProcess.started() as moto:
        yield moto


async def test_publishing_says_when_nobody_answers(moto: MotoProcess) -> None:
    """The relay is told and keeps its place; the same transport works again when AWS is back."""
    shop = Shop(moto, fifo=True)
    transport = shop.transport(hear)
    await transport.publish([rung(1)])
    async with moto.away():
        with pytest.raises(Unavailable):
            await transport.publish([rung(2)])
        with pytest.raises(Unavailable):
            await shop.transport(hear).publish([rung(2)])
    await transport.publish([rung(2)])
    assert shop.left(hear) == 2


async def test_a_source_that_starts_while_nobody_answers_waits(moto: MotoProcess) -> None:
    """A worker starts without AWS, and works when it is there."""
    shop = Shop(moto, fifo=False)
    await shop.transport(hear).publish([rung(1)])
    async with contextlib.AsyncExitStack() as away:
        await away.enter_async_context(moto.away())
        async with shop.source(hear) as source:
            assert await source.read(10) == []
            await away.aclose()
            assert [event.id for event in await brought(source, 1)] == [1]


@pytest.mark.slow  # A server is started, killed and started again.
async def test_topic_and_queues_that_are_gone_are_made_anew(
    mortal: MotoProcess, database: Database, tmp_path: Path
) -> None:
    """A running worker finds them missing, makes them, and goes on with what is published from then on."""
    shop = Shop(mortal, fifo=True)
    await make_effects(database)
    async with process(shop.url, database, hear, folder=tmp_path), opened_log(database) as log:
        async with database.transaction() as tx:
            await log.emit(tx, *(Rung(bell="bell", number=n) for n in range(5)))
        await until(lambda: database.fetch_value("SELECT count(*) = 5 FROM effects"))
        await emptied(shop, hear)
        await mortal.kill()
        async with database.transaction() as tx:
            await log.emit(tx, *(Rung(bell="bell", number=n) for n in range(5, 10)))
        await mortal.start()
        await until(lambda: database.fetch_value("SELECT count(*) = 10 FROM effects"))
    assert [number for _, number in await effects(database)] == list(range(10))

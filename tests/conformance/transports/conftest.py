from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from comanda.engine.database import Database
from tests.conformance.transports.scenario import Scenario
from tests.conformance.transports.stage import Stage, opened_log
from tests.conformance.transports.stages import STAGES
from tests.servers.servers import Servers


@pytest.fixture(params=sorted(STAGES))
async def stage(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Stage]:
    """Each transport in turn, with a database and a topic of the test's own."""
    async with STAGES[request.param](servers) as stage:
        yield stage


@pytest.fixture
async def scenario(stage: Stage) -> AsyncIterator[Scenario]:
    """A transport, a log to ring bells in and a table of effects."""
    database = Database(stage.database_url, max_size=16, name="suite")
    with TemporaryDirectory(prefix="comanda-machine-") as folder:
        await database.start()
        try:
            async with opened_log(database) as log:
                scenario = Scenario(stage, database, log, Path(folder))
                await scenario.prepare()
                yield scenario
        finally:
            await database.stop()

"""The stages of the suite: each transport with its server."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.migrations import migrate
from tests.conformance.transports import kafka_stage, sns_sqs_stage
from tests.conformance.transports.stage import Opened, Stage
from tests.servers.servers import Servers

TEMPLATE = "stage_template"


class PostgresStage:
    """The log itself, in a server of its own, which can be stopped without taking the other tests' along."""

    url = "postgres:"
    ordered = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedPostgres(folder, settings={"fsync": "off"})
        self._number = 0
        self.database_url = ""

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator["PostgresStage"]:
        """Start the server."""
        with TemporaryDirectory(prefix="comanda-carrier-") as folder:
            stage = cls(Path(folder))
            await stage.start_server()
            await stage._run(f"CREATE DATABASE {TEMPLATE}")
            await migrate(stage._url(TEMPLATE))
            yield stage
            await stage.kill_server()

    async def renew(self) -> None:
        """Make a database for the next test."""
        self._number += 1
        name = f"stage_{self._number}"
        await self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        self.database_url = self._url(name)

    async def kill_server(self) -> None:
        """Stop the server."""
        await self._server.stop()

    async def start_server(self) -> None:
        """Start it on the same folder."""
        self._server = EmbeddedPostgres(self._folder, settings={"fsync": "off"})
        await self._server.start()

    def credulous(self) -> AbstractContextManager[None]:
        """Nothing is published, and so nothing twice."""
        return contextlib.nullcontext()

    def _url(self, name: str) -> str:
        return self._server.url.replace("/comanda?", f"/{name}?")

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def postgres(servers: Servers) -> AsyncIterator[Stage]:
    """Open the stage of the log itself."""
    stage: PostgresStage = await servers.get("postgres", PostgresStage.started)
    await stage.renew()
    yield stage


STAGES: dict[str, Opened] = {
    "postgres": postgres,
    "kafka": kafka_stage.kafka,
    "sns+sqs fifo": sns_sqs_stage.fifo,
    "sns+sqs standard": sns_sqs_stage.standard,
}
"""All of them, by name."""

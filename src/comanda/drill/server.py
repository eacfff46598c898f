"""The drill's PostgreSQL: the embedded server, whose owner starts it again when it has ended however it did."""

import signal
from pathlib import Path

import asyncpg

from comanda.drill.errors import DrillError
from comanda.engine.clock import Clock
from comanda.engine.database import postmaster
from comanda.engine.database.database import UNREACHABLE
from comanda.engine.database.embedded import EmbeddedPostgres

READY_S = 120.0
ANSWER_S = 5.0
LOOK_S = 0.05


class Server:
    """PostgreSQL in the drill's data directory.

    Attributes:
        postgres: the service that starts it, and again when it has ended.
    """

    def __init__(self, data: Path, clock: Clock) -> None:
        self.postgres = EmbeddedPostgres(data, clock=clock)
        self._pgdata = data.absolute() / "postgres"
        self._clock = clock

    @property
    def url(self) -> str:
        """Where it is, with no link in between."""
        return self.postgres.url

    @property
    def socket(self) -> Path:
        """The Unix socket on which it listens."""
        found = postmaster.read(self._pgdata)
        if found is None:
            raise DrillError("PostgreSQL does not say where it listens.")
        return Path(found.socket_dir, f".s.PGSQL.{found.port}")

    async def end(self, number: signal.Signals) -> None:
        """Send the signal to its first process, and wait until its successor answers.

        SIGQUIT is what `pg_ctl stop -m immediate` sends: every backend just ends, and the next start recovers.
        """
        await self.answers()
        before = self.postgres.pid
        if before is None:
            return
        postmaster.Postmaster(before, 0, "", "").signal(number)
        deadline = self._clock.monotonic() + READY_S
        while self.postgres.pid in {before, None}:
            if self._clock.monotonic() > deadline:
                raise DrillError(f"PostgreSQL was not started again within {READY_S:.0f} s.")
            await self._clock.sleep(LOOK_S)
        await self.answers()

    async def value(self, sql: str, *arguments: object) -> object:
        """Return the first value of a query on a connection of its own; None when the server does not answer now."""
        try:
            connection = await asyncpg.connect(self.url, timeout=ANSWER_S)
            try:
                return await connection.fetchval(sql, *arguments, timeout=ANSWER_S)
            finally:
                await connection.close(timeout=ANSWER_S)
        except (*UNREACHABLE, asyncpg.PostgresError):
            return None

    async def answers(self) -> None:
        """Wait until it answers. Raises `DrillError` when it does not in time."""
        deadline = self._clock.monotonic() + READY_S
        while await self.value("SELECT 1") is None:
            if self._clock.monotonic() > deadline:
                raise DrillError(f"PostgreSQL does not answer for {READY_S:.0f} s.")
            await self._clock.sleep(LOOK_S)

"""A PostgreSQL that a test starts and stops, at once or in order."""

import asyncio
import contextlib
import signal
import subprocess
from pathlib import Path

import asyncpg

from comanda.engine.database import postmaster
from comanda.engine.database.cluster import Cluster
from comanda.engine.database.embedded import DATABASE, SOCKET_PORT, url_of
from tests.acceptance.waiting import until

READY_S = 60.0
END_S = 30.0


class Postgres:
    """A PostgreSQL that the test alone starts and stops."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._cluster = Cluster(folder, {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is; the same after it was started again."""
        found = postmaster.read(self._cluster.pgdata)
        assert found is not None
        return url_of(found)

    async def start(self) -> None:
        """Start it, recovering what was under way when it was stopped."""
        await asyncio.to_thread(self._cluster.prepare)
        self._process = process = self._cluster.spawn(SOCKET_PORT, "")

        async def ready() -> bool:
            assert process.poll() is None, self._cluster.log_since(0)[-4000:]
            found = postmaster.read(self._cluster.pgdata)
            return found is not None and found.pid == process.pid and found.status == "ready"

        await until(ready, what="PostgreSQL is ready", patience_s=READY_S)
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            found = postmaster.read(self._cluster.pgdata)
            assert found is not None
            connection = await asyncpg.connect(url_of(found, "postgres"))
            try:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
            finally:
                await connection.close()

    async def stop_at_once(self) -> None:
        """Stop it as `pg_ctl stop -m immediate` does (which refuses to run as root): every backend just ends."""
        await self._end(signal.SIGQUIT)

    async def stop(self) -> None:
        """Stop it in order."""
        await self._end(signal.SIGINT)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            await asyncio.to_thread(process.wait, END_S)

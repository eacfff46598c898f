"""A system under measure: an embedded PostgreSQL as `comanda up` runs it, and web processes on one port."""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from comanda.engine.database.embedded import EmbeddedPostgres


@dataclass(frozen=True)
class Served:
    """What runs: where the database is, where the web is, and the web processes."""

    database_url: str
    port: int
    pids: list[int]

    @property
    def address(self) -> str:
        """Where the web is."""
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def served(*, web_processes: int = 2) -> AsyncIterator[Served]:
    """Run the system in a folder of its own, without workers: what is measured is taking orders."""
    with tempfile.TemporaryDirectory(prefix="comanda-bench-") as folder:
        server = EmbeddedPostgres(Path(folder))
        await server.start()
        port = free_port()
        environ = {
            **os.environ,
            "COMANDA_DATA": folder,
            "COMANDA_DATABASE_URL": server.url,
            "COMANDA_PORT": str(port),
            "COMANDA_LOG": "json",
        }
        webs = []
        try:
            seed = await asyncio.create_subprocess_exec(sys.executable, "-m", "comanda", "seed", env=environ)
            if await seed.wait() != 0:
                raise SystemExit("seeding failed")
            serve = [sys.executable, "-m", "comanda", "serve"]
            webs += [await asyncio.create_subprocess_exec(*serve, env=environ) for _ in range(web_processes)]
            await _await_ready(port)
            yield Served(server.url, port, [web.pid for web in webs])
        finally:
            for web in webs:
                with contextlib.suppress(ProcessLookupError):
                    web.terminate()
            for web in webs:
                await web.wait()
            await server.stop()


async def _await_ready(port: int) -> None:
    for _ in range(3000):
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_ask, f"http://127.0.0.1:{port}/readyz")
            return
        await asyncio.sleep(0.02)
    raise SystemExit("the web did not become ready")


def _ask(url: str) -> None:
    with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
        pass

"""The mailbox as the process it is, that a test starts, kills and asks."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import aiohttp

from comanda.engine.clock import SystemClock
from tests.fakes.ports import free_port

SOURCES = Path(__file__).parents[3] / "src"
PATIENCE_S = 30.0

PROGRAM = """
import sys
from pathlib import Path
from comanda.mail.mailbox.server import run
run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
"""


class MailboxProcess:
    """One mailbox, at the same ports from start to start.

    Args:
        data_dir: where its record lives.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.smtp_port, self.http_port = (free_port() for _ in range(2))
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The mail URL that reaches it."""
        return f"mailbox://127.0.0.1:{self.smtp_port}?http={self.http_port}"

    async def start(self) -> None:
        """Start the process, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            str(self.data_dir),
            str(self.smtp_port),
            str(self.http_port),
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    await self.get("/healthz")
                    return
                await SystemClock().sleep(0.05)

    async def get(self, path: str, **parameters: str) -> dict[str, object]:
        """Return the JSON of a GET."""
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{self.http_port}") as session,
            session.get(path, params=parameters) as answer,
        ):
            found: dict[str, object] = await answer.json()
            return found

    async def kill(self) -> None:
        """Kill it with -9."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def terminate(self) -> int:
        """End it with SIGTERM; return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return await self._process.wait()

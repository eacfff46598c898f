"""An errand: a child that does one thing, tells what came of it on its standard output, and ends."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence

from comanda.engine.errors import ComandaError
from comanda.processes import leash


class ErrandFailed(ComandaError):
    """The errand ended with another status than 0; it has told why on its standard error."""

    def __init__(self, name: str, status: int) -> None:
        super().__init__(f"{name} failed: see above.")
        self.status = status


class Errand:
    """One errand: `start` loads its code, `run` hands it the settings and returns what it has written."""

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self._arguments = list(arguments)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process; it loads its code and waits."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "comanda",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, leash.MARK: self.name},
            start_new_session=True,
        )

    async def run(self, settings: Mapping[str, str]) -> bytes:
        """Let it begin and wait for its end. Raises `ErrandFailed`."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ErrandFailed(self.name, -1)
        with contextlib.suppress(ConnectionError):
            process.stdin.write(leash.message(settings))
            await process.stdin.drain()
        told = await process.stdout.read()
        status = await process.wait()
        if status != 0:
            raise ErrandFailed(self.name, status)
        return told

    async def stop(self) -> None:
        """End it, done or not."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

"""Moto's server as a process, that a test takes from the network, brings back, or kills."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from comanda.engine.transports.sns_sqs import Address
from comanda.engine.transports.sns_sqs.clients import Clients, connect
from tests.fakes.ports import free_port

READY_S = 30.0

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class MotoProcess:
    """One server."""

    def __init__(self) -> None:
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator["MotoProcess"]:
        """Start a server, for a block in which boto finds credentials."""
        moto = cls()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            await moto.start()
            try:
                yield moto
            finally:
                await moto.kill()

    def url(self, prefix: str, *, fifo: bool, visibility_s: int = 2, receives: int = 100) -> str:
        """Return the `COMANDA_EVENTS_URL` of a topic there."""
        return (
            f"sns+sqs://eu-central-1/{prefix}?fifo={str(fifo).lower()}&endpoint=http://127.0.0.1:{self._port}"
            f"&visibility_s={visibility_s}&receives={receives}"
        )

    def clients(self) -> Clients:
        """Return clients of the test's own."""
        return connect(Address.parse(self.url("any", fifo=False)))

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.fakes.moto_server",
            str(self._port),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await self._says(b"listening\n")

    async def kill(self) -> None:
        """Kill it, and with it all that it has stored."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Take it from the network for a block, and bring it back whatever happens there."""
        await self.vanish()
        try:
            yield
        finally:
            await self.come_back()

    async def vanish(self) -> None:
        """Take it from the network."""
        self._send(signal.SIGUSR1)
        await self._says(b"gone\n")

    async def come_back(self) -> None:
        """Bring it back, with all that it has stored."""
        self._send(signal.SIGUSR2)
        await self._says(b"listening\n")

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    async def _says(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S):
            assert await self._process.stdout.readline() == line

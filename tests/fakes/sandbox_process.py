"""The payment sandbox as a real process, that a test starts, kills and tells to misbehave."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import msgspec

from comanda.contexts.payments.sandbox.wire import Faults, WebhookTarget
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.engine.clock import SystemClock
from comanda.engine.errors import Unavailable
from tests.fakes.ports import free_port

SECRET = "sandbox-secret"
WEBHOOK_SECRET = "sandbox-webhook-secret"
READY_S = 30.0
HEADERS = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}

PROGRAM = """
import sys
from pathlib import Path
from comanda.contexts.payments.sandbox import run
run(Path(sys.argv[1]), port=int(sys.argv[2]), secret_key=sys.argv[3])
"""


class SandboxProcess:
    """One sandbox with its books in `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def provider(self, *, timeout_s: float = 10.0, key_window_s: float = 86_400.0) -> SandboxProvider:
        """Return a client of it; the test stops it."""
        return SandboxProvider(
            self.url,
            secret_key=SECRET,
            webhook_secret=WEBHOOK_SECRET,
            clock=SystemClock(),
            timeout_s=timeout_s,
            key_window_s=key_window_s,
        )

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(self._data_dir), str(self._port), SECRET
        )
        provider = self.provider()
        try:
            async with asyncio.timeout(READY_S):
                while not await _answers(provider):  # noqa: ASYNC110 - another process has no event to wait on
                    await asyncio.sleep(0.02)
        finally:
            await provider.stop()

    async def kill(self) -> None:
        """Kill it at once, as a power cut would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it in good order."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            os.kill(process.pid, number)
            await process.wait()

    async def misbehave(self, faults: Faults | None = None) -> None:
        """Set the faults that hold from now on; none heals it."""
        await self._admin("faults", faults or Faults())

    async def send_webhooks_to(self, url: str) -> None:
        """Set where webhooks go."""
        await self._admin("webhook", WebhookTarget(url=url, secret=WEBHOOK_SECRET))

    async def under_way(self) -> int:
        """Return how many charges and refunds it is working on."""
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.get(f"{self.url}/admin/under-way") as answer,
        ):
            count: int = (await answer.json())["calls"]
            return count

    async def _admin(self, what: str, body: msgspec.Struct) -> None:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.put(f"{self.url}/admin/{what}", data=msgspec.json.encode(body)) as answer,
        ):
            answer.raise_for_status()


async def _answers(provider: SandboxProvider) -> bool:
    try:
        await provider.ping()
    except Unavailable:
        return False
    return True

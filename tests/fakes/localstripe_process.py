"""localstripe, a stand-in for Stripe that no one here wrote, as a real process."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp

from comanda.contexts.payments.stripe_provider import StripeProvider
from comanda.engine.errors import Unavailable
from tests.fakes.ports import free_port
from tests.fakes.sandbox_process import READY_S

SECRET = "sk_test_localstripe"
WEBHOOK_SECRET = "whsec_localstripe"
PROGRAM = Path(__file__).with_name("localstripe_server.py")


class LocalStripeProcess:
    """One localstripe; what it knows dies with it. See `localstripe_server.py` for what is added to it."""

    def __init__(self) -> None:
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def provider(self, *, timeout_s: float = 10.0) -> StripeProvider:
        """Return a client of it; the test stops it."""
        return StripeProvider(
            secret_key=SECRET,
            webhook_secret=WEBHOOK_SECRET,
            default_method="pm_card_visa",
            base_url=self.url,
            timeout_s=timeout_s,
        )

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(sys.executable, str(PROGRAM), str(self._port))
        provider = self.provider()
        try:
            async with asyncio.timeout(READY_S):
                while not await _answers(provider):  # noqa: ASYNC110 - another process has no event to wait on
                    await asyncio.sleep(0.02)
        finally:
            await provider.stop()

    async def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            os.kill(process.pid, signal.SIGTERM)
            await process.wait()

    async def send_webhooks_to(self, url: str) -> None:
        """Set where webhooks go."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/_config/webhooks/test", data={"url": url, "secret": WEBHOOK_SECRET}) as answer,
        ):
            answer.raise_for_status()


async def _answers(provider: StripeProvider) -> bool:
    try:
        await provider.ping()
    except Unavailable:
        return False
    return True

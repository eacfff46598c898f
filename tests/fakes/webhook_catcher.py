"""Somebody's web server, as far as a payment provider's webhooks are concerned."""

import asyncio
from typing import NamedTuple

from aiohttp import web


class Caught(NamedTuple):
    """A webhook as it came in; names of headers are lower case."""

    body: bytes
    headers: dict[str, str]


class WebhookCatcher:
    """Catches webhooks. Answers 500 to the first `refuse` of them."""

    def __init__(self, *, refuse: int = 0) -> None:
        self.caught: asyncio.Queue[Caught] = asyncio.Queue()
        self._refuse = refuse
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_post("/hook", self._catch)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/hook"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _catch(self, request: web.Request) -> web.Response:
        caught = Caught(await request.read(), {name.lower(): value for name, value in request.headers.items()})
        if self._refuse > 0:
            self._refuse -= 1
            return web.Response(status=500)
        self.caught.put_nowait(caught)
        return web.Response(status=200)

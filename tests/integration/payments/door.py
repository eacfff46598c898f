"""Payments' own web server, where a provider's webhooks arrive."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from comanda.contracts.module import Module
from comanda.web.access import StaffMember
from tests.fakes.front import front
from tests.integration.payments.house import House


class Nobody:
    """Staff sessions of a house where nobody is signed in."""

    async def member(self, token: str) -> StaffMember | None:
        """Return None: webhooks carry no session."""
        del token
        return None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def door(house: House) -> AsyncIterator[str]:
    """Serve the routes of payments in the real frame; yield the address for webhooks, without the provider's name."""
    app: Any = front([Module(name="payments", routes=house.routes)], Nobody())
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks/payments/"
    server.should_exit = True
    await serving

"""A port at which whoever keeps a worker (Kubernetes, say) asks whether it lives: `/livez` and `/readyz`, as the web's.

A worker serves no requests, so this is no web server: it reads one line, answers with one, and closes.
"""

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus

from comanda.engine.errors import SettingError

PATIENCE_S = 2.0
"""How long an asker may take to say what it wants."""

MAX_LINE = 2048
"""Bytes of a request's first line, at most."""


class HealthPort:
    """A service that answers `/livez` (this process goes round) and `/readyz` (`ready` says yes).

    Args:
        ready: whether the worker has all that it needs to work.
    """

    def __init__(self, host: str, port: int, ready: Callable[[], bool]) -> None:
        self._host = host
        self._port = port
        self._ready = ready
        self._server: asyncio.Server | None = None
        self._stopped = False
        self._turn = asyncio.Lock()

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            return self._port
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def start(self) -> None:
        """Listen. Raises `SettingError` where the port is taken."""
        async with self._turn:
            if self._server is not None or self._stopped:
                return
            try:
                self._server = await asyncio.start_server(self._answer, self._host, self._port, limit=MAX_LINE)
            except OSError as error:
                place = f"{self._host}:{self._port}"
                raise SettingError(f"--health-port: {place} cannot be listened on: {error}.") from error

    async def stop(self) -> None:
        """Listen no more."""
        self._stopped = True
        async with self._turn:
            server, self._server = self._server, None
            if server is not None:
                server.close()
                await server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(PATIENCE_S):
                path = (await reader.readline()).split(b" ")[1:2]
                status = self._status(path[0] if path else b"")
                body = b"ok\n" if status == HTTPStatus.OK else f"{status.phrase}\n".encode()
                head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\n"
                writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _status(self, path: bytes) -> HTTPStatus:
        if path == b"/livez":
            return HTTPStatus.OK
        if path == b"/readyz":
            return HTTPStatus.OK if self._ready() else HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.NOT_FOUND

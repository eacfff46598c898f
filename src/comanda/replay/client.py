"""The guests' side of the wire: requests over many connections, and some that are cut off before their answer."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from comanda.engine.clock import Clock
from comanda.engine.errors import Unavailable
from comanda.replay.errors import ReplayError

ORDERS = "/api/v1/orders"

TRIES = 40
"""How often one request is sent while nobody answers, or the answer is that nothing was decided."""

FIRST_PAUSE_S = 0.05
MOST_PAUSE_S = 1.0

UNDECIDED = frozenset({429, 502, 503, 504})
"""Statuses that say that nothing was decided, and that the same request may be sent again."""

TIMEOUT_S = 30.0

NETWORK = (aiohttp.ClientError, TimeoutError, OSError)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `took_s` counts from the first try, `tries` are all that it took."""

    status: int
    body: bytes
    replayed: bool
    took_s: float
    tries: int


class Client:
    """A crowd of guests at one address.

    Args:
        url: of the web processes.
        connections: open at the same time, at most.
        clock: measures, and waits between tries.

    Attributes:
        undecided: tries so far that nobody answered, or whose answer was that nothing was decided.
    """

    def __init__(self, url: str, *, connections: int, clock: Clock) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ReplayError(f"{url!r} is no address: write one such as http://127.0.0.1:8000.")
        self._url = url.rstrip("/")
        self._host = parts.hostname
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path
        self._authority = parts.netloc
        self._connections = connections
        self._clock = clock
        self._opened: aiohttp.ClientSession | None = None
        self.undecided = 0

    async def __aenter__(self) -> Self:
        self._opened = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=15),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def place(self, body: bytes, key: str) -> Reply:
        """Send an order until it is decided. Raises `Unavailable` after `TRIES`."""
        begun = self._clock.monotonic()
        headers = {"content-type": "application/json", "idempotency-key": key}
        last = ""
        for attempt in range(TRIES):
            if attempt:
                await self._clock.sleep(min(FIRST_PAUSE_S * 2 ** (attempt - 1), MOST_PAUSE_S))
            try:
                async with self._session.post(self._url + ORDERS, data=body, headers=headers) as answer:
                    content = await answer.read()
            except NETWORK as error:
                self.undecided += 1
                last = repr(error)
                continue
            if answer.status not in UNDECIDED:
                return Reply(
                    status=answer.status,
                    body=content,
                    replayed=answer.headers.get("Idempotent-Replayed") == "true",
                    took_s=self._clock.monotonic() - begun,
                    tries=attempt + 1,
                )
            self.undecided += 1
            last = f"status {answer.status}"
        raise Unavailable(f"Nobody decides at {self._url}: {last}")

    async def cut(self, body: bytes, key: str, *, after_s: float) -> None:
        """Send an order on a connection of its own, and break that off `after_s` later, whatever has come by then."""
        head = (
            f"POST {self._prefix}{ORDERS} HTTP/1.1\r\nHost: {self._authority}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        # Who cuts off connections does not care whether there was one.
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls or None)
            try:
                writer.write(head.encode() + body)
                await writer.drain()
                await self._clock.sleep(after_s)
            finally:
                writer.transport.abort()

    async def call(self, method: str, path: str, *, body: bytes | None = None, token: str = "") -> tuple[int, bytes]:
        """Make one other request, on a connection of its own. Raises `ReplayError` when nobody answers."""
        headers = {"content-type": "application/json", "connection": "close"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        try:
            async with self._session.request(method, self._url + path, data=body, headers=headers) as answer:
                return answer.status, await answer.read()
        except NETWORK as error:
            raise ReplayError(f"Nobody answers at {self._url}: start `comanda up` first. ({error!r})") from error

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            raise RuntimeError("The client is not open.")
        return self._opened

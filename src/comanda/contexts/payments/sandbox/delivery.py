"""What the sandbox does by itself: settles what settles later, forgets what is old, and delivers webhooks.

Webhooks are durable, repeated with backoff until somebody says 2xx, and signed anew each time. Whoever takes them
slowly holds up the next ones, and nothing else.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

import aiohttp
import msgspec
import structlog

from comanda.contexts.payments.sandbox import ledger, settings, signature
from comanda.contexts.payments.sandbox.books import Books
from comanda.contexts.payments.sandbox.wire import WebhookTarget
from comanda.engine.clock import Clock
from comanda.engine.ids import Ids
from comanda.engine.service import Loop, wait_until_set

log = structlog.get_logger(__name__)

BATCH = 64
"""Notices taken from the books at a time."""

AT_ONCE = 8
"""Deliveries under way at the same time."""

TIMEOUT_S = 10.0
MOST_ATTEMPTS = 60
"""After that a notice is given up: two and a half days."""

MOST_WAIT_S = 3600.0
POLL_S = 0.1

FORGET_EVERY_S = 10.0
NOTICES_KEPT_S = 7 * 86_400.0


class Due(msgspec.Struct, frozen=True):
    """A notice that is to be delivered."""

    seq: int
    body: bytes
    attempts: int


class Delivery:
    """Settles, forgets, and delivers notices. A service.

    Args:
        key_window_s: how long keys are remembered at least.
    """

    def __init__(self, books: Books, current: settings.Current, clock: Clock, ids: Ids, *, key_window_s: float) -> None:
        self._books = books
        self._settings = current
        self._clock = clock
        self._ids = ids
        self._news = asyncio.Event()
        self._key_window_s = key_window_s
        self._settling = Loop("sandbox settling", self._settle)
        self._delivering = Loop("sandbox webhooks", self._deliver_all)

    def signal(self) -> None:
        """Say that there is something to deliver."""
        self._news.set()

    async def start(self) -> None:
        """Start settling and delivering."""
        await self._settling.start()
        await self._delivering.start()

    async def stop(self) -> None:
        """Stop; what was not delivered stands in the books."""
        self._news.set()
        await asyncio.gather(self._settling.stop(), self._delivering.stop())

    async def _settle(self, stopping: asyncio.Event) -> None:
        forgot_at = self._clock.monotonic()
        while not await wait_until_set(stopping, POLL_S):
            now_s = self._clock.now().timestamp()
            if await self._books.do(ledger.settle(now_s, lambda: f"evt_{self._ids.new().hex}")):
                self.signal()
            if self._clock.monotonic() - forgot_at > FORGET_EVERY_S:
                forgot_at = self._clock.monotonic()
                forget = ledger.forget(
                    keys_before_s=now_s - self._key_window_s, notices_before_s=now_s - NOTICES_KEPT_S
                )
                await self._books.do(forget)

    async def _deliver_all(self, stopping: asyncio.Event) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            while not stopping.is_set():
                self._news.clear()
                if await self._round(session, self._clock.now().timestamp()) < BATCH:
                    await wait_until_set(self._news, POLL_S)

    async def _round(self, session: aiohttp.ClientSession, now_s: float) -> int:
        target, faults = self._settings.target, self._settings.faults
        if target is None or faults.webhooks_held:
            return 0
        notices = await self._books.do(_due(now_s))
        order = list(reversed(notices)) if faults.webhooks_out_of_order else list(notices)
        taken = await asyncio.gather(*(self._deliver(session, target, notice) for notice in order))
        if faults.webhooks_twice:
            await asyncio.gather(*(self._deliver(session, target, notice) for notice in order))
        if notices:
            await self._books.do(_delivered(list(zip(order, taken, strict=True)), self._clock.now().timestamp()))
        return len(notices)

    async def _deliver(self, session: aiohttp.ClientSession, target: WebhookTarget, notice: Due) -> bool:
        header = signature.sign(target.secret, notice.body, now_s=self._clock.now().timestamp())
        headers = {signature.HEADER: header, "content-type": "application/json"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.post(target.url, data=notice.body, headers=headers) as answer:
                return answer.ok
        return False


def _due(now_s: float) -> Callable[[sqlite3.Connection], list[Due]]:
    def work(books: sqlite3.Connection) -> list[Due]:
        rows = books.execute(
            "SELECT seq, body, attempts FROM notices WHERE over = 0 AND due_at <= ? ORDER BY due_at, seq LIMIT ?",
            (now_s, BATCH),
        )
        return [Due(*row) for row in rows]

    return work


def _delivered(results: list[tuple[Due, bool]], now_s: float) -> Callable[[sqlite3.Connection], None]:
    def work(books: sqlite3.Connection) -> None:
        for notice, taken in results:
            attempts = notice.attempts + 1
            over = taken or attempts >= MOST_ATTEMPTS
            wait_s = min(MOST_WAIT_S, 0.5 * 2.0 ** min(attempts, 20))
            books.execute(
                "UPDATE notices SET attempts = ?, over = ?, due_at = ? WHERE seq = ?",
                (attempts, int(over), now_s + wait_s, notice.seq),
            )

    return work

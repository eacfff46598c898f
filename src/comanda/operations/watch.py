"""One pair of eyes on the lanes for a whole web process, however many people look.

While someone follows, the lanes are looked at every few seconds and all who follow get the same picture; when the last
one leaves, nobody looks any more. Whoever asks once gets a picture that is at most a second old.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Unavailable
from comanda.engine.lanes import Consumer
from comanda.engine.monitoring import Overview, overview

log = structlog.get_logger(__name__)

EVERY_S = 2.0
"""Time between two looks while someone follows."""

FRESH_S = 1.0
"""How old a picture may be for someone who asks once."""


class LaneWatch:
    """Looks at the lanes, for all who want to see them.

    Attributes:
        looks: how often the database was asked.

    Args:
        consumers: whose lanes.
        every_s: time between two looks while someone follows.
        fresh_s: how old a picture may be for someone who asks once.
    """

    def __init__(
        self,
        database: Database,
        consumers: Sequence[Consumer],
        clock: Clock,
        *,
        every_s: float = EVERY_S,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._database = database
        self._consumers = tuple(consumers)
        self._clock = clock
        self._every_s = every_s
        self._fresh_s = fresh_s
        self._turn = asyncio.Lock()
        self._seen: Overview | None = None
        self._seen_at = 0.0
        self._news = asyncio.Event()
        self._followers = 0
        self._task: asyncio.Task[None] | None = None
        self.looks = 0

    @property
    def watching(self) -> bool:
        """Whether someone follows, so that the lanes are looked at again and again."""
        return self._task is not None

    async def now(self, *, fresh: bool = False) -> Overview:
        """Return the lanes as they are, or, unless `fresh`, were a moment ago. Raises `Unavailable`."""
        async with self._turn:
            if fresh or self._seen is None or self._clock.monotonic() - self._seen_at >= self._fresh_s:
                await self._look()
            assert self._seen is not None  # noqa: S101 - for the type checker: a look that fails raises
            return self._seen

    async def follow(self) -> AsyncGenerator[Overview | None]:
        """Yield the lanes at once and then with each look; None while the database does not answer."""
        self._followers += 1
        try:
            if self._task is None:
                self._task = asyncio.create_task(self._watch(), name="lane watch")
            try:
                yield await self.now()
            except Unavailable:
                yield None
            while True:
                news = self._news
                await news.wait()
                yield self._seen
        finally:
            self._followers -= 1
            if not self._followers:
                self._end()

    async def start(self) -> None:
        """Nothing runs until somebody follows."""

    async def stop(self) -> None:
        """Stop looking."""
        task = self._end()
        if task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _end(self) -> asyncio.Task[None] | None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        return task

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(self._every_s)
            try:
                async with self._turn:
                    await self._look()
            except Unavailable as error:
                log.warning("lanes could not be looked at", reason=str(error))
                self._seen = None
            except Exception:
                # A fault here must not leave those who follow with a picture that stands still for ever.
                log.exception("lanes could not be looked at")
                self._seen = None
            news, self._news = self._news, asyncio.Event()
            news.set()

    async def _look(self) -> None:
        self.looks += 1
        self._seen = await overview(self._database, self._consumers)
        self._seen_at = self._clock.monotonic()

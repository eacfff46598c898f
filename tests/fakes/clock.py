"""A clock that a test moves."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
"""A Monday noon."""


class FakeClock:
    """Stands still until `advance`; who sleeps on it wakes when its time has come, in order of their times.

    Attributes:
        slept: every delay that was asked for, in seconds.
    """

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the present instant."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds of the clock that never goes back."""
        return self._monotonic

    async def sleep(self, delay_s: float) -> None:
        """Wait until the clock was advanced by `delay_s`; a delay of zero or less only yields."""
        self.slept.append(delay_s)
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + delay_s, next(self._order), waiting))
        await waiting

    def set(self, now: datetime) -> None:
        """Set the wall clock, back or forth, as an operator or NTP does; sleepers do not notice."""
        self._now = now

    def advance(self, seconds: float) -> None:
        """Move both clocks on, and wake whose time has come."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            _, _, waiting = heapq.heappop(self._sleepers)
            if not waiting.done():
                waiting.set_result(None)

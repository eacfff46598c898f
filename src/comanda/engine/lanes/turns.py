"""Turns: how the lanes of one worker share its time.

Few lanes work at once; the others queue, and whose turn is next is decided by what each has used, divided by its
share (start-time fair queueing: P. Goyal, H. Vin, H. Cheng, SIGCOMM 1996). So a flooded lane delays a quiet one by a
turn, not by its backlog. A lane that waits in its turn, for a slow call or a slow statement, uses no time that others
could: after `lend_s` its place goes to the next, and it goes on without one.
"""

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from comanda.engine.clock import Clock

FIRST_COST_S = 0.001
"""What a lane's first turn is taken to cost."""


@dataclass
class _Account:
    """What a lane has used: its finish tag in virtual time, and what its last turn cost."""

    finish: float = 0.0
    cost_s: float = FIRST_COST_S


@dataclass(order=True)
class _Waiting:
    start: float
    number: int
    ready: asyncio.Future[None] = field(compare=False)


class Turns:
    """Lends `most` places to lanes, by share.

    Promises: no lane starves, whatever its share; a lane that stays in its turn for longer than `lend_s` keeps nobody
    waiting.
    """

    def __init__(self, clock: Clock, *, most: int = 4, lend_s: float = 0.01) -> None:
        self._clock = clock
        self._free = most
        self._lend_s = lend_s
        self._virtual = 0.0
        self._accounts: dict[str, _Account] = {}
        self._waiting: list[_Waiting] = []
        self._number = 0

    @contextlib.asynccontextmanager
    async def turn(self, lane: str, share: int) -> AsyncIterator[None]:
        """Wait for a place, and hold it for the block, or for `lend_s`."""
        account = self._accounts.setdefault(lane, _Account())
        start = max(self._virtual, account.finish)
        account.finish = start + account.cost_s / share
        await self._take(start)
        place = _Place(self)
        lending = asyncio.get_running_loop().call_later(self._lend_s, place.give)
        began = self._clock.monotonic()
        try:
            yield
        finally:
            lending.cancel()
            account.cost_s = min(self._clock.monotonic() - began, self._lend_s) or FIRST_COST_S
            place.give()

    async def _take(self, start: float) -> None:
        if self._free > 0 and not self._waiting:
            self._free -= 1
            self._virtual = max(self._virtual, start)
            return
        self._number += 1
        waiting = _Waiting(start, self._number, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, waiting)
        try:
            await waiting.ready
        except asyncio.CancelledError:
            if waiting.ready.done() and not waiting.ready.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Take a place back, and lend it to whoever's turn is next."""
        self._free += 1
        if self._waiting:
            # Not at once: the lane that gives it back may want its next turn, and then belongs among those who wait.
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        while self._free > 0 and self._waiting:
            following = heapq.heappop(self._waiting)
            if not following.ready.done():
                self._free -= 1
                self._virtual = max(self._virtual, following.start)
                following.ready.set_result(None)


class _Place:
    """A place that is given back once."""

    def __init__(self, turns: Turns) -> None:
        self._turns: Turns | None = turns

    def give(self) -> None:
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.give()

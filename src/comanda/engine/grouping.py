"""Grouping: what arrives together is worked on together.

While one group is being worked on, whatever arrives gathers into the next; what comes alone does not wait. So the
cost of a transaction (its round trips and its flush to disk) is shared by as many as there are, and nobody waits for
a timer. Known as group commit, or natural batching.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from comanda.engine.errors import ComandaError, Unavailable
from comanda.engine.service import Loop

Item = TypeVar("Item")
Result = TypeVar("Result")


class Grouping(Generic[Item, Result]):
    """Hands items to `work` in groups.

    Promises: each item's own result or error comes back to who submitted it; when `work` itself raises, all of its
    group get that error. Beyond `waiting` items, `submit` raises `Unavailable` at once.

    Args:
        work: takes a group and returns a result, or an error to raise, for each item in its place.
        most: items in a group, at most.
        side_by_side: groups under way at the same time, at most. Each further one begins only when `spill` more items
            wait: a few that wait a moment for the group before them cost less than groups of one.
        waiting: items that wait, at most.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | ComandaError]]],
        *,
        most: int = 128,
        side_by_side: int = 2,
        spill: int = 16,
        waiting: int = 4096,
    ) -> None:
        self._work = work
        self._most = most
        self._spill = spill
        self._limit = waiting
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._arrived = asyncio.Event()
        self._loops = [Loop(f"{name} {n}", self._runner(n), grace_s=10.0) for n in range(side_by_side)]
        self._stopped = False

    async def start(self) -> None:
        """Begin to work on what is submitted."""
        if self._stopped:
            return
        for loop in self._loops:
            await loop.start()

    async def stop(self) -> None:
        """Finish the groups under way and refuse what still waits."""
        self._stopped = True
        self._arrived.set()
        await asyncio.gather(*(loop.stop() for loop in self._loops))
        while self._queue:
            _, future = self._queue.popleft()
            if not future.done():
                future.set_exception(Unavailable("This server is stopping; try again."))

    async def submit(self, item: Item) -> Result:
        """Have `item` worked on; return its result or raise its error."""
        if self._stopped or len(self._queue) >= self._limit:
            raise Unavailable("Too much arrives at once; try again in a moment.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        self._arrived.set()
        return await future

    def _runner(self, number: int) -> Callable[[asyncio.Event], Awaitable[None]]:
        return lambda stopping: self._run(stopping, number * self._spill)

    async def _run(self, stopping: asyncio.Event, threshold: int) -> None:
        while not (stopping.is_set() or self._stopped):
            if len(self._queue) <= threshold:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            group = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
            try:
                results = await self._work([item for item, _ in group])
            except Exception as error:  # noqa: BLE001 - handed on to those who wait, who are the edge
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(group, results, strict=True):
                if future.done():  # Whoever asked has gone away; what was decided stays decided.
                    continue
                if isinstance(result, ComandaError):
                    future.set_exception(result)
                else:
                    future.set_result(result)

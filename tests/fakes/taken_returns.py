"""Whoever takes returns: remembers them, and fails when it is told to."""

import asyncio

from comanda.mail.returns.reading import Return


class Taken:
    """A `Take`.

    Attributes:
        returns: what was taken, in order.
        failing: raised instead of taking, while it is set.
        under_way: set when one is being taken.
        free: cleared, taking waits for it.
    """

    def __init__(self) -> None:
        self.returns: list[Return] = []
        self.failing: Exception | None = None
        self.under_way = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self._changed = asyncio.Event()

    async def __call__(self, returned: Return) -> None:
        """Take it."""
        self.under_way.set()
        await self.free.wait()
        if self.failing is not None:
            raise self.failing
        self.returns.append(returned)
        self._changed.set()

    async def wait_for(self, count: int) -> None:
        """Wait until that many were taken, at most ten seconds."""
        async with asyncio.timeout(10):
            while len(self.returns) < count:
                self._changed.clear()
                await self._changed.wait()

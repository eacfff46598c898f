"""Real servers that several tests share, each started when the first test asks for it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any


class Servers:
    """Servers that are started once, when first asked for, and closed together in the end.

    Attributes:
        database: makes a migrated database of the tests' server, for the length of the block, and yields its URL.
    """

    def __init__(self, database: Callable[[], AbstractAsyncContextManager[str]]) -> None:
        self.database = database
        self._stack = AsyncExitStack()
        self._open: dict[str, Any] = {}

    async def get(self, name: str, start: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
        """Return the server of that name, which `start` starts and ends."""
        if name not in self._open:
            self._open[name] = await self._stack.enter_async_context(start())
        return self._open[name]

    async def close(self) -> None:
        """End them all."""
        await self._stack.aclose()

"""A crowd of guests who order without pause, and who send an order again under its key until it is decided."""

import asyncio
import itertools
from types import TracebackType
from typing import Any, Self

import msgspec

from comanda.engine.clock import SystemClock
from comanda.engine.ids import RandomIds
from comanda.replay.client import Client, Reply
from tests.acceptance.system import System
from tests.acceptance.waiting import until

PATIENCE_S = 60.0

_numbers = itertools.count(1)


class Crowd:
    """So many guests at once, as an async context: at its end each has finished the order it was at.

    Attributes:
        placed: the orders for which a guest got 201, by key.
        refused: answers other than 201.
    """

    def __init__(self, system: System, *, guests: int = 12, card: str = "") -> None:
        self._system = system
        self._guests = guests
        self._card = card
        self._clock = SystemClock()
        self._ids = RandomIds()
        self._client = Client(system.address, connections=guests, clock=self._clock)
        self._enough = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.placed: dict[str, str] = {}
        self.refused: list[Reply] = []

    async def more(self, count: int) -> None:
        """Wait until `count` more orders were answered by 201 than now."""
        wanted = len(self.placed) + count

        async def enough() -> bool:
            return len(self.placed) >= wanted

        await until(enough, what=f"{count} more orders are placed", patience_s=PATIENCE_S)

    async def disturbed(self) -> None:
        """Wait until some guest has had to send an order again."""
        before = self._client.undecided

        async def more() -> bool:
            return self._client.undecided > before

        await until(more, what="a guest is not answered", patience_s=PATIENCE_S)

    async def place(self, count: int) -> None:
        """Place just so many orders, all at once."""
        await asyncio.gather(*(self._order() for _ in range(count)))

    async def all_there_once(self) -> None:
        """Check that each order for which a guest got 201 is in the database, once under its key, and no other is."""
        rows = await self._system.house.database.fetch(
            "SELECT id::text AS id, idempotency_key AS key FROM ordering.orders WHERE idempotency_key = ANY ($1)",
            list(self.placed),
        )
        assert not self.refused, self.refused[:3]
        assert sorted((row["key"], row["id"]) for row in rows) == sorted(self.placed.items())

    async def _guest(self) -> None:
        while not self._enough.is_set():
            await self._order()

    async def _order(self) -> None:
        key = str(self._ids.new())
        reply = await self._client.place(msgspec.json.encode(self._form()), key)
        if reply.status == 201:
            self.placed[key] = msgspec.json.decode(reply.body)["id"]
        else:
            self.refused.append(reply)

    def _form(self) -> dict[str, Any]:
        number = next(_numbers)
        return {
            "restaurant": "demo",
            "customer": {"name": f"Guest {number}", "email": f"guest.{number}.{self._ids.new().hex[-8:]}@example.com"},
            "fulfilment": {"type": "pickup"},
            "lines": [{"item": "pan-tomate", "quantity": 1 + number % 3}],
            "payment": {"method": self._card},
        }

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        self._tasks = [asyncio.create_task(self._guest()) for _ in range(self._guests)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        try:
            await asyncio.gather(*self._tasks)
        finally:
            await self._client.__aexit__(kind, error, trace)

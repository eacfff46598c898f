"""An event and helpers for trying lanes without a restaurant."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import Event, EventCatalogue, EventLog, Waker
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Consumer, Worker, backlogs

PATIENCE_S = 20.0
"""How long a test waits for what must happen, before it fails."""


class Rung(Event, frozen=True, kw_only=True):
    """A bell was rung."""

    name: ClassVar[str] = "test.Rung"
    key_field: ClassVar[str] = "bell"

    bell: str
    number: int


class Silenced(Event, frozen=True, kw_only=True):
    """A bell was silenced; no consumer of these tests wants to know."""

    name: ClassVar[str] = "test.Silenced"
    key_field: ClassVar[str] = "bell"

    bell: str


CATALOGUE = EventCatalogue([Rung, Silenced])


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Wait until the condition holds; fail after `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.01)


async def drained(database: Database, *consumers: Consumer) -> None:
    """Wait until nothing is left to do."""

    async def done() -> bool:
        return all(backlog.drained for backlog in await backlogs(database, consumers))

    await until(done)


async def effects(database: Database) -> list[tuple[str, int]]:
    """Return the effects that were committed, in their order."""
    rows = await database.fetch("SELECT bell, number FROM effects ORDER BY place")
    return [(row["bell"], row["number"]) for row in rows]


async def make_effects(database: Database) -> None:
    """Make the table in which the tests' handlers leave their effects."""
    await database.fetch("CREATE TABLE effects (place bigserial PRIMARY KEY, bell text, number int)")


EFFECT = "INSERT INTO effects (bell, number) VALUES ($1, $2)"


@asynccontextmanager
async def ringing(database: Database) -> AsyncIterator[EventLog]:
    """Lend a log whose waker runs."""
    waker = Waker(database)
    await waker.start()
    try:
        yield EventLog(waker)
    finally:
        await waker.stop()


def worker(database: Database, *consumers: Consumer, lease_s: float = 10.0, grace_s: float = 5.0) -> Worker:
    """Return a worker that looks often."""
    return Worker(
        database,
        CATALOGUE,
        consumers,
        clock=SystemClock(),
        ids=RandomIds(),
        lease_s=lease_s,
        look_s=0.1,
        poll_s=0.2,
        grace_s=grace_s,
    )


@asynccontextmanager
async def working(
    database: Database, *consumers: Consumer, lease_s: float = 10.0, grace_s: float = 5.0
) -> AsyncIterator[Worker]:
    """Run a worker."""
    started = worker(database, *consumers, lease_s=lease_s, grace_s=grace_s)
    await started.start()
    try:
        yield started
    finally:
        await started.stop()

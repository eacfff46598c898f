"""Placing a whole file: so many guests at once, each with an order of the file."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.replay.client import Client
from comanda.replay.door import Door, publish
from comanda.replay.file import FileOrder
from comanda.replay.menu import DerivedMenu
from comanda.replay.placing import PlacedOrder, Placing
from comanda.replay.report import Report, Stored, report

STORED = """
SELECT count(*) AS orders, coalesce(sum(o.total), 0)::bigint AS total
FROM ordering.orders o JOIN catalog.restaurants r ON r.id = o.restaurant_id WHERE r.slug = $1
"""


async def replay(
    file: Path,
    orders: Sequence[FileOrder],
    client: Client,
    door: Door,
    *,
    clock: Clock,
    founded_in: Database | None,
    seed: int,
    clicks: int,
    concurrency: int,
    placed: Callable[[PlacedOrder], None] = lambda _: None,
) -> Report:
    """Publish the file's menu and place its orders.

    Args:
        file: for the report.
        orders: what it holds.
        client: the guests' side of the wire.
        door: where they order.
        clock: measures.
        founded_in: where the restaurant is the replay's own, its database: the file's orders are there and no others.
        seed: makes guests and keys.
        clicks: at the same time, for each order.
        concurrency: orders at the same time.
        placed: told of each order when it is done.

    Raises `ReplayError` when the menu cannot be published.
    """
    menu = DerivedMenu(orders)
    await publish(client, door, menu.categories, clock)
    placing = Placing(client, menu, slug=door.slug, seed=seed, clicks=clicks)
    outcomes: list[PlacedOrder] = []
    waiting = iter(orders)

    async def guests() -> None:
        for order in waiting:
            outcome = await placing.place(order)
            outcomes.append(outcome)
            placed(outcome)

    begun = clock.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(orders))):
            group.create_task(guests())
    seconds = clock.monotonic() - begun
    return report(
        outcomes,
        file=str(file),
        restaurant=door.slug,
        seed=seed,
        clicks=clicks,
        seconds=seconds,
        stored=await _stored(founded_in, door.slug) if founded_in is not None else None,
    )


async def _stored(database: Database, slug: str) -> Stored | None:
    row = await database.fetch_row(STORED, slug)
    return Stored(orders=row["orders"], total=row["total"]) if row is not None else None

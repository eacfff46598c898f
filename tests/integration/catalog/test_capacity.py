"""Stock and slots: exact under contention, whole or not at all, given back once."""

import asyncio
import random  # noqa: TID251 - seeded here
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from comanda.contexts.catalog.capacity import ReservedCapacity
from comanda.contracts.catalog import SlotNeed, StockNeed
from comanda.engine.database import Database
from tests.fakes.ids import SeededIds
from tests.integration.catalog.rows import restaurant_row

TODAY = date(2025, 6, 2)
SLOT = datetime(2025, 6, 2, 18, 0, tzinfo=UTC)
CAPACITY = ReservedCapacity()

STOCK_HELD = "SELECT reserved FROM catalog.daily_stock WHERE item_id = $1"
SLOT_HELD = "SELECT reserved FROM catalog.kitchen_slots WHERE starts_at = $1"


def stock(order: UUID, item: str, quantity: int, limit: int) -> StockNeed:
    """Return a need of today's stock of restaurant 1."""
    return StockNeed(order_id=order, restaurant_id=UUID(int=1), item_id=item, day=TODAY, quantity=quantity, limit=limit)


def slot(order: UUID, capacity: int, starts_at: datetime = SLOT) -> SlotNeed:
    """Return a need of a slot of restaurant 1."""
    return SlotNeed(order_id=order, restaurant_id=UUID(int=1), starts_at=starts_at, capacity=capacity)


async def test_needs_are_granted_in_order_and_whole_or_not_at_all(database: Database, ids: SeededIds) -> None:
    """An order that lacks one of its items takes nothing of the others, and a smaller one after it still fits."""
    await restaurant_row(database)
    first, second, third = ids.new(), ids.new(), ids.new()
    async with database.transaction() as tx:
        refused = await CAPACITY.reserve_stock(
            tx,
            [
                stock(first, "soup", 3, 5),
                stock(second, "cake", 1, 9),
                stock(second, "soup", 3, 5),
                stock(third, "soup", 1, 5),
                stock(third, "soup", 1, 5),
            ],
        )
    assert refused == {second: "soup"}
    assert await database.fetch_value(STOCK_HELD, "soup") == 5
    assert await database.fetch_value(STOCK_HELD, "cake") == 0


@pytest.mark.slow  # A thousand tries, for a few do not collide.
async def test_a_thousand_tries_on_a_stock_of_a_hundred_give_a_hundred(database: Database, ids: SeededIds) -> None:
    """However the tries are grouped and interleaved, exactly what there is gets reserved, and no deadlock is seen."""
    await restaurant_row(database)
    chance = random.Random(7)  # noqa: S311 - seeded
    orders = [ids.new() for _ in range(1000)]
    groups = [orders[start : start + 20] for start in range(0, 1000, 20)]
    refused: dict[UUID, str] = {}
    full: set[UUID] = set()

    async def attempt(group: list[UUID]) -> None:
        needs = [stock(order, item, 1, 100) for order in group for item in ("soup", "cake", "bread")]
        chance.shuffle(needs)
        async with database.transaction() as tx:
            missed = await CAPACITY.reserve_stock(tx, needs)
            wanted = [slot(order, 10, SLOT + timedelta(minutes=15 * (order.int % 5))) for order in group]
            no_place = await CAPACITY.reserve_slots(tx, wanted)
        refused.update(missed)
        full.update(no_place)

    await asyncio.gather(*(attempt(group) for group in groups))
    assert len(refused) == 900
    assert len(full) == 950
    for item in ("soup", "cake", "bread"):
        assert await database.fetch_value(STOCK_HELD, item) == 100
    held = await database.fetch("SELECT kind, sum(quantity)::int AS n FROM catalog.reservations GROUP BY 1 ORDER BY 1")
    assert [tuple(row.values()) for row in held] == [("slot", 50), ("stock", 300)]


async def test_what_is_released_twice_is_given_back_once(database: Database, ids: SeededIds) -> None:
    """Cancelling an order again, also at the same time, does not make room for one more."""
    await restaurant_row(database)
    order, other = ids.new(), ids.new()
    async with database.transaction() as tx:
        await CAPACITY.reserve_stock(tx, [stock(order, "soup", 2, 5), stock(other, "soup", 1, 5)])
        await CAPACITY.reserve_slots(tx, [slot(order, 2), slot(other, 2)])

    async def cancel() -> None:
        async with database.transaction() as tx:
            await CAPACITY.release(tx, order)

    await asyncio.gather(*(cancel() for _ in range(10)))
    await cancel()
    assert await database.fetch_value(STOCK_HELD, "soup") == 1
    assert await database.fetch_value(SLOT_HELD, SLOT) == 1


async def test_reserving_and_releasing_at_once_ends_within_limits(database: Database, ids: SeededIds) -> None:
    """While orders come and go, counters and reservations agree at the end."""
    await restaurant_row(database)

    async def come_and_go(stays: bool) -> None:  # noqa: FBT001 - one of two fates
        orders = [ids.new() for _ in range(5)]
        async with database.transaction() as tx:
            await CAPACITY.reserve_stock(tx, [stock(order, item, 1, 40) for order in orders for item in ("b", "a")])
            await CAPACITY.reserve_slots(tx, [slot(order, 40) for order in orders])
        if not stays:
            async with database.transaction() as tx:
                await CAPACITY.release_all(tx, orders)

    await asyncio.gather(*(come_and_go(number % 3 == 0) for number in range(60)))
    held = await database.fetch_value("SELECT sum(reserved)::int FROM catalog.daily_stock")
    kept = await database.fetch_value("SELECT sum(quantity)::int FROM catalog.reservations WHERE kind = 'stock'")
    assert held == kept <= 80
    slots_held = await database.fetch_value(SLOT_HELD, SLOT)
    slots_kept = await database.fetch_value("SELECT count(*) FROM catalog.reservations WHERE kind = 'slot'")
    assert slots_held == slots_kept <= 40


async def test_a_lowered_limit_keeps_what_was_promised_and_grants_no_more(database: Database, ids: SeededIds) -> None:
    """A restaurant that lowers its stock or capacity below what is reserved breaks no order and takes no new one."""
    await restaurant_row(database)
    first, second = ids.new(), ids.new()
    async with database.transaction() as tx:
        await CAPACITY.reserve_stock(tx, [stock(first, "soup", 4, 5)])
        await CAPACITY.reserve_slots(tx, [slot(first, 1)])
    async with database.transaction() as tx:
        assert await CAPACITY.reserve_stock(tx, [stock(second, "soup", 1, 2)]) == {second: "soup"}
        assert await CAPACITY.reserve_slots(tx, [slot(second, 0)]) == {second}
    assert await database.fetch_value(STOCK_HELD, "soup") == 4


async def test_the_database_alone_keeps_reservations_within_limits(database: Database) -> None:
    """Whoever goes past Python is refused by a CHECK."""
    restaurant = await restaurant_row(database)
    for statement in (
        "INSERT INTO catalog.daily_stock (restaurant_id, item_id, day, stock, reserved) VALUES ($1, 'a', now(), 5, 6)",
        "INSERT INTO catalog.daily_stock (restaurant_id, item_id, day, stock, reserved) VALUES ($1, 'a', now(), 5, -1)",
        "INSERT INTO catalog.kitchen_slots (restaurant_id, starts_at, capacity, reserved) VALUES ($1, now(), 5, 6)",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await database.fetch(statement, restaurant)

"""The SQL of daily stock and kitchen slots, for many orders at once."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from comanda.engine.database import Database, Transaction

LOCK_STOCK = """
INSERT INTO catalog.daily_stock AS held (restaurant_id, item_id, day, stock)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::date[], $4::integer[])
ON CONFLICT (restaurant_id, item_id, day)
DO UPDATE SET stock = greatest(excluded.stock, held.reserved)
RETURNING restaurant_id, item_id, day, reserved
"""
"""Makes the rows that are missing and locks all of them, in the order given. A stock that the restaurant has lowered
below what is reserved already stays at that: what was promised is kept."""

TAKE_STOCK = """
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::integer[])
        AS given (order_id, restaurant_id, item_id, day, quantity)
), kept AS (
    INSERT INTO catalog.reservations (order_id, kind, thing, restaurant_id, day, quantity)
    SELECT order_id, 'stock', item_id, restaurant_id, day, sum(quantity) FROM given
    GROUP BY order_id, restaurant_id, item_id, day
)
UPDATE catalog.daily_stock AS held SET reserved = held.reserved + taken.quantity
FROM (SELECT restaurant_id, item_id, day, sum(quantity) AS quantity FROM given GROUP BY 1, 2, 3) AS taken
WHERE (held.restaurant_id, held.item_id, held.day) = (taken.restaurant_id, taken.item_id, taken.day)
"""

LOCK_SLOTS = """
INSERT INTO catalog.kitchen_slots AS held (restaurant_id, starts_at, capacity)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::integer[])
ON CONFLICT (restaurant_id, starts_at)
DO UPDATE SET capacity = greatest(excluded.capacity, held.reserved)
RETURNING restaurant_id, starts_at, reserved
"""
"""As `LOCK_STOCK`, for slots."""

TAKE_SLOTS = """
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS given (order_id, restaurant_id, starts_at)
), kept AS (
    INSERT INTO catalog.reservations (order_id, kind, restaurant_id, starts_at, quantity)
    SELECT order_id, 'slot', restaurant_id, starts_at, 1 FROM given
)
UPDATE catalog.kitchen_slots AS held SET reserved = held.reserved + taken.orders
FROM (SELECT restaurant_id, starts_at, count(*) AS orders FROM given GROUP BY 1, 2) AS taken
WHERE (held.restaurant_id, held.starts_at) = (taken.restaurant_id, taken.starts_at)
"""

DROP_RESERVATIONS = """
DELETE FROM catalog.reservations WHERE order_id = ANY($1)
RETURNING kind, restaurant_id, thing, day, starts_at, quantity
"""

GIVE_BACK_STOCK = """
UPDATE catalog.daily_stock SET reserved = reserved - $4 WHERE restaurant_id = $1 AND item_id = $2 AND day = $3
"""

GIVE_BACK_SLOT = """
UPDATE catalog.kitchen_slots SET reserved = reserved - $3 WHERE restaurant_id = $1 AND starts_at = $2
"""

FULL_SLOTS = """
SELECT starts_at FROM catalog.kitchen_slots
WHERE restaurant_id = $1 AND starts_at >= $2 AND starts_at < $3 AND reserved >= $4
"""


class StockKey(NamedTuple):
    """Whose stock of which day; sorts in the order in which rows are locked."""

    restaurant_id: UUID
    item_id: str
    day: date


class SlotKey(NamedTuple):
    """Which slot; sorts in the order in which rows are locked."""

    restaurant_id: UUID
    starts_at: datetime


async def lock_stock(tx: Transaction, stock: dict[StockKey, int]) -> dict[StockKey, int]:
    """Lock the rows of these daily stocks, sorted; return how much of each is reserved."""
    keys = sorted(stock)
    rows = await tx.fetch(
        LOCK_STOCK,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
        [stock[k] for k in keys],
    )
    return {StockKey(row["restaurant_id"], row["item_id"], row["day"]): row["reserved"] for row in rows}


async def take_stock(tx: Transaction, taken: Sequence[tuple[UUID, StockKey, int]]) -> None:
    """Write down what orders have of stocks whose rows are locked, and count it."""
    await tx.execute(
        TAKE_STOCK,
        [order_id for order_id, _, _ in taken],
        [key.restaurant_id for _, key, _ in taken],
        [key.item_id for _, key, _ in taken],
        [key.day for _, key, _ in taken],
        [quantity for _, _, quantity in taken],
    )


async def lock_slots(tx: Transaction, slots: dict[SlotKey, int]) -> dict[SlotKey, int]:
    """Lock the rows of these slots, sorted; return how many orders each has."""
    keys = sorted(slots)
    rows = await tx.fetch(LOCK_SLOTS, [key[0] for key in keys], [key[1] for key in keys], [slots[k] for k in keys])
    return {SlotKey(row["restaurant_id"], row["starts_at"]): row["reserved"] for row in rows}


async def take_slots(tx: Transaction, taken: Sequence[tuple[UUID, SlotKey]]) -> None:
    """Write down which orders have a place in slots whose rows are locked, and count them."""
    await tx.execute(
        TAKE_SLOTS,
        [order_id for order_id, _ in taken],
        [key.restaurant_id for _, key in taken],
        [key.starts_at for _, key in taken],
    )


async def give_back(tx: Transaction, order_ids: Sequence[UUID]) -> None:
    """Drop the reservations of these orders and count them out of stocks and slots, locked in the usual order."""
    rows = await tx.fetch(DROP_RESERVATIONS, order_ids)
    stock: dict[StockKey, int] = {}
    slots: dict[SlotKey, int] = {}
    for row in rows:
        if row["kind"] == "stock":
            key = StockKey(row["restaurant_id"], row["thing"], row["day"])
            stock[key] = stock.get(key, 0) + row["quantity"]
        else:
            slot = SlotKey(row["restaurant_id"], row["starts_at"])
            slots[slot] = slots.get(slot, 0) + row["quantity"]
    if stock:
        await tx.execute_many(GIVE_BACK_STOCK, [(*key, stock[key]) for key in sorted(stock)])
    if slots:
        await tx.execute_many(GIVE_BACK_SLOT, [(*slot, slots[slot]) for slot in sorted(slots)])


async def full_slots(
    database: Database, restaurant_id: UUID, start: datetime, end: datetime, capacity: int
) -> set[datetime]:
    """Return the beginnings of the slots from `start` to before `end` that have no room for one more order."""
    rows = await database.fetch(FULL_SLOTS, restaurant_id, start, end, capacity)
    return {row["starts_at"] for row in rows}

"""Daily stock and kitchen slots, reserved exactly: the port `contracts.catalog.KitchenCapacity`.

Each kind costs two exchanges with the server for however many orders: one that locks the rows in their order and
tells what is reserved, one that takes. Between them the needs are granted one after another, in plain Python.
"""

from collections.abc import Sequence
from uuid import UUID

from comanda.contexts.catalog import capacity_store as store
from comanda.contexts.catalog.capacity_store import SlotKey, StockKey
from comanda.contracts.catalog import SlotNeed, StockNeed
from comanda.engine.database import Transaction


class ReservedCapacity:
    """Reserves stock and slots inside the caller's transaction."""

    async def reserve_stock(self, tx: Transaction, needs: Sequence[StockNeed]) -> dict[UUID, str]:
        """Reserve; return, for each order that could not have all it needs, the item id that ran out.

        Needs of one order may stand anywhere; the order has the place of its first one.
        """
        if not needs:
            return {}
        limits: dict[StockKey, int] = {}
        by_order: dict[UUID, list[tuple[StockKey, StockNeed]]] = {}
        for need in needs:
            key = StockKey(need.restaurant_id, need.item_id, need.day)
            limits[key] = need.limit
            by_order.setdefault(need.order_id, []).append((key, need))
        reserved = await store.lock_stock(tx, limits)
        refused: dict[UUID, str] = {}
        taken: list[tuple[UUID, StockKey, int]] = []
        for order_id, wanted in by_order.items():
            after: dict[StockKey, int] = {}
            for key, need in wanted:
                after[key] = after.get(key, reserved[key]) + need.quantity
            short = next((key.item_id for key, count in after.items() if count > limits[key]), None)
            if short is not None:
                refused[order_id] = short
                continue
            reserved.update(after)
            taken.extend((order_id, key, need.quantity) for key, need in wanted)
        if taken:
            await store.take_stock(tx, taken)
        return refused

    async def reserve_slots(self, tx: Transaction, needs: Sequence[SlotNeed]) -> set[UUID]:
        """Reserve; return the orders for which the slot was full."""
        if not needs:
            return set()
        capacities = {SlotKey(need.restaurant_id, need.starts_at): need.capacity for need in needs}
        reserved = await store.lock_slots(tx, capacities)
        refused: set[UUID] = set()
        taken: list[tuple[UUID, SlotKey]] = []
        for need in needs:
            key = SlotKey(need.restaurant_id, need.starts_at)
            if reserved[key] >= capacities[key]:
                refused.add(need.order_id)
                continue
            reserved[key] += 1
            taken.append((need.order_id, key))
        if taken:
            await store.take_slots(tx, taken)
        return refused

    async def release(self, tx: Transaction, order_id: UUID) -> None:
        """Give back all that the order holds. Doing it twice gives back once."""
        await store.give_back(tx, [order_id])

    async def release_all(self, tx: Transaction, order_ids: Sequence[UUID]) -> None:
        """Give back all that these orders hold, with the same few statements however many they are."""
        if order_ids:
            await store.give_back(tx, order_ids)

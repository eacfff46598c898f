"""The order's life: each move in the caller's transaction, guarded by the table of moves and the order's version."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

import structlog

from comanda.contexts.ordering import store
from comanda.contexts.ordering.states import GIVES_BACK, Status, may_move
from comanda.contexts.ordering.store import StoredOrder
from comanda.contexts.ordering.tokens import tracking_token
from comanda.contracts.catalog import KitchenCapacity, RestaurantReader
from comanda.contracts.ordering import OrderEnded, OrderMoved, OrderPaid, OrderPaymentFailed
from comanda.contracts.promotions import CouponDesk
from comanda.engine.database import Transaction
from comanda.engine.errors import ComandaError
from comanda.engine.events import EventLog
from comanda.engine.idempotency import Seals

log = structlog.get_logger(__name__)


class OrderUnknown(ComandaError):
    """There is no order of that id."""


class Life:
    """Moves orders through their life and says so in events.

    Promise: a move is made once. Asked for a move that was made already, or that the order can no longer make, it does
    nothing and says so; what has to be given back is given back in the same transaction.
    """

    def __init__(
        self,
        eventlog: EventLog,
        *,
        restaurants: RestaurantReader,
        capacity: KitchenCapacity,
        coupons: CouponDesk,
        seals: Seals,
    ) -> None:
        self._log = eventlog
        self._restaurants = restaurants
        self._capacity = capacity
        self._coupons = coupons
        self._seals = seals

    async def move(
        self,
        tx: Transaction,
        order_id: UUID,
        to: Status,
        *,
        at: datetime,
        reason: str = "",
        reference: str = "",
        expected_version: int | None = None,
    ) -> StoredOrder | None:
        """Move an order; return it as it was before, or None where it did not move.

        Args:
            tx: the transaction.
            order_id: whose life.
            to: the new status.
            at: when it happened.
            reason: for people.
            reference: what in another context caused it (a payment's id, say), for the timeline.
            expected_version: where given, the move is only made from just this version.

        Raises:
            OrderUnknown: there is no such order.
        """
        found = await store.locked(tx, order_id)
        if found is None:
            raise OrderUnknown(f"There is no order {order_id}.")
        stale = expected_version is not None and found.version != expected_version
        if stale or not may_move(found.status, to, found.fulfilment.type):
            log.info("order not moved", order_id=str(order_id), status=found.status, to=to, stale=stale)
            return None
        if not await store.move(tx, found, to, at):
            raise AssertionError("a locked row does not change its version")
        if to in GIVES_BACK:
            await self._coupons.release(tx, order_id)
            await self._capacity.release(tx, order_id)
        detail: dict[str, object] = {"reason": reason} if reason else {}
        await store.tell(tx, order_id, to, reference, at, detail=detail)
        await self._say(tx, found, to, at=at, reason=reason)
        return found

    async def _say(self, tx: Transaction, found: StoredOrder, to: Status, *, at: datetime, reason: str) -> None:
        order_id, restaurant_id = found.id, found.restaurant_id
        match to:
            case "paid":
                restaurant = await self._restaurants.by_id(restaurant_id)
                if restaurant is None:
                    raise OrderUnknown(f"The order {order_id} is of a restaurant that is not here.")
                path = f"/o/{tracking_token(self._seals, order_id)}"
                document = found.document(restaurant, await store.lines(tx, found), path)
                paid = OrderPaid(order_id=order_id, restaurant_id=restaurant_id, paid_at=at, order=document)
                await self._log.emit(tx, paid)
            case "accepted" | "preparing" | "ready" | "on_its_way" | "completed":
                await self._log.emit(tx, OrderMoved(order_id=order_id, restaurant_id=restaurant_id, status=to))
            case "payment_failed":
                failed = OrderPaymentFailed(order_id=order_id, restaurant_id=restaurant_id, reason=reason)
                await self._log.emit(tx, failed)
            case "cancelled" | "rejected":
                ended = OrderEnded(order_id=order_id, restaurant_id=restaurant_id, status=to, reason=reason)
                await self._log.emit(tx, ended)
            case "refunded" | "placed":
                pass
            case _:
                assert_never(to)

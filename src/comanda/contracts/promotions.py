"""What promotions show: coupons as rules for a price, and their reservation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from comanda.engine.database import Transaction


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as the price function sees it.

    Attributes:
        kind: `percentage` takes `value` basis points off the items; `amount` takes `value` minor units off;
            `free_item` makes one unit of `item_id` (its cheapest in the cart) free.
        minimum: the items' sum that a cart must reach, in minor units.
        starts_at, ends_at: validity, start inside, end outside; None is open.
        total_limit, guest_limit: redemptions in all, and per guest; None is no limit.
    """

    id: UUID
    restaurant_id: UUID
    code: str
    kind: Literal["percentage", "amount", "free_item"]
    value: int = 0
    item_id: str | None = None
    minimum: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    total_limit: int | None = None
    guest_limit: int | None = None
    active: bool = True


class CouponNeed(msgspec.Struct, frozen=True, kw_only=True):
    """One order's use of one coupon by one guest."""

    order_id: UUID
    coupon_id: UUID
    customer_id: UUID
    discount: int


class CouponDesk(Protocol):
    """Finds coupons and reserves their redemption inside the caller's transaction, for many orders at once.

    Rows are locked sorted by coupon id; limits are exact; needs are granted in the order in which they are given.
    """

    async def find(self, restaurant_id: UUID, code: str) -> Coupon | None:
        """Return the coupon of that code (case and white space do not matter), or None. May be a second old."""
        ...

    async def reserve(self, tx: Transaction, needs: Sequence[CouponNeed]) -> dict[UUID, Literal["total", "guest"]]:
        """Reserve; return, for each order that could not have it, which limit was reached."""
        ...

    async def release(self, tx: Transaction, order_id: UUID) -> None:
        """Give back what the order redeemed. Doing it twice gives back once."""
        ...

    async def release_all(self, tx: Transaction, order_ids: Sequence[UUID]) -> None:
        """Give back what these orders redeemed, set-wise."""
        ...

    async def undo(self, tx: Transaction, order_ids: Sequence[UUID]) -> None:
        """Take back what `reserve` did for these orders in this very transaction: they were not made after all."""
        ...

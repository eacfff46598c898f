"""Whether a coupon may be used for a cart now: its terms, apart from the limits that only the database can hold."""

from datetime import datetime
from typing import Literal

import msgspec

from comanda.contracts.ordering import OrderLine
from comanda.contracts.promotions import Coupon

Unmet = Literal["unknown", "not_yet", "over", "minimum", "item"]


class UnmetTerm(msgspec.Struct, frozen=True):
    """The term that is not met; `missing` is how much more to order (minor units) where it is the minimum."""

    term: Unmet
    message: str
    missing: int = 0


def unmet_term(coupon: Coupon | None, lines: tuple[OrderLine, ...], items: int, now: datetime) -> UnmetTerm | None:
    """Return the first term of the coupon that an order of `lines`, worth `items`, does not meet now; else None."""
    if coupon is None or not coupon.active:
        return UnmetTerm("unknown", "We do not know this coupon.")
    if coupon.starts_at is not None and now < coupon.starts_at:
        return UnmetTerm("not_yet", "This coupon is not valid yet.")
    if coupon.ends_at is not None and now >= coupon.ends_at:
        return UnmetTerm("over", "This coupon is no longer valid.")
    if items < coupon.minimum:
        missing = coupon.minimum - items
        return UnmetTerm("minimum", "Your cart has not reached this coupon's minimum yet.", missing)
    if coupon.kind == "free_item" and not any(line.item == coupon.item_id for line in lines):
        return UnmetTerm("item", "Put the item that this coupon is for into your cart.")
    return None

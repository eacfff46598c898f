"""What staff can ask of promotions, in a transaction that the caller opened. Asking twice is asking once."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from comanda.contexts.promotions import store
from comanda.contexts.promotions.codes import CODE, MAX_CODE, folded_code
from comanda.contracts.promotions import Coupon
from comanda.engine.database import Transaction
from comanda.engine.errors import FieldError, Refused
from comanda.engine.ids import Ids

BASIS = 10_000
MAX_AMOUNT = 10_000_000

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class CouponTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a coupon gives, and when. See `contracts.promotions.Coupon` for what the members mean."""

    kind: Literal["percentage", "amount", "free_item"]
    value: Amount = 0
    item_id: Annotated[str, msgspec.Meta(min_length=1, max_length=80)] | None = None
    minimum: Amount = 0
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    total_limit: Limit | None = None
    guest_limit: Limit | None = None
    active: bool = True


class CouponReport(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon and how often it is in use: reserved by orders or confirmed by their payment."""

    code: str
    terms: CouponTerms
    redeemed: int


class Promotions:
    """Makes and changes coupons.

    Args:
        ids: where their ids come from.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def put(self, tx: Transaction, restaurant_id: UUID, code: str, terms: CouponTerms) -> None:
        """Make the coupon of this code, or change when it is valid and how high its limits are.

        What it gives, and whether it has limits, stays: guests hold it already, and counts of what was unlimited
        were not kept. Raises `Refused` where that is asked, or where a limit would lie below what is redeemed.
        """
        folded = folded_code(code)
        _refuse(terms_errors(folded, terms))
        made = Coupon(id=self._ids.new(), restaurant_id=restaurant_id, code=folded, **msgspec.structs.asdict(terms))
        if await store.insert(tx, made):
            return
        held, redeemed = await store.locked(tx, restaurant_id, folded)
        before = terms_of(held)
        if before == terms:
            return
        fixed = ("kind", "value", "item_id", "minimum")
        errors = [
            FieldError(name, "This cannot change any more; make another coupon.")
            for name in fixed
            if getattr(before, name) != getattr(terms, name)
        ]
        errors += [
            FieldError(name, "A coupon with this limit keeps one, and one without it goes without; make another.")
            for name in ("total_limit", "guest_limit")
            if (getattr(before, name) is None) != (getattr(terms, name) is None)
        ]
        if terms.total_limit is not None and terms.total_limit < redeemed:
            errors.append(FieldError("total_limit", f"It was redeemed {redeemed} times already."))
        if errors:
            raise Refused(errors[0].message, kind="conflict", code="coupon-terms-fixed", fields=errors)
        await store.change(tx, msgspec.structs.replace(made, id=held.id))

    async def all_of(self, tx: Transaction, restaurant_id: UUID) -> list[CouponReport]:
        """Return the restaurant's coupons, newest first, a thousand at most."""
        return [
            CouponReport(code=coupon.code, terms=terms_of(coupon), redeemed=redeemed)
            for coupon, redeemed in await store.all_of(tx, restaurant_id)
        ]


def terms_of(coupon: Coupon) -> CouponTerms:
    """Return the terms of a coupon."""
    return CouponTerms(**{name: getattr(coupon, name) for name in CouponTerms.__struct_fields__})


def terms_errors(code: str, terms: CouponTerms) -> list[FieldError]:
    """Return what is wrong with a coupon's code (folded) and terms."""
    errors = []
    if not CODE.fullmatch(code):
        errors.append(FieldError("code", f"A code has up to {MAX_CODE} letters from A to Z, digits and hyphens."))
    if terms.kind == "percentage" and not 1 <= terms.value <= BASIS:
        errors.append(FieldError("value", "A percentage is between 1 and 10000 hundredths of a percent."))
    if terms.kind == "amount" and terms.value < 1:
        errors.append(FieldError("value", "An amount is at least 1 minor unit."))
    if (terms.kind == "free_item") != (terms.item_id is not None):
        errors.append(FieldError("item_id", "A free item names its item, and nothing else does."))
    if terms.item_id is not None and not terms.item_id.isprintable():
        errors.append(FieldError("item_id", "An item's id has visible characters only."))
    if terms.starts_at is not None and terms.ends_at is not None and terms.starts_at >= terms.ends_at:
        errors.append(FieldError("ends_at", "A coupon ends after it starts."))
    return errors


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise Refused(errors[0].message, kind="invalid", code="invalid", fields=errors)

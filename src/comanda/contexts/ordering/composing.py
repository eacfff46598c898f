"""From a cleaned form to an order that could be stored, or to why it cannot be. Pure.

Everything that can be decided without the database is decided here: hours, slot, area, the cart against the menu,
the coupon's terms, the price. What only the database can hold (limits, stock, places in a slot) comes after.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.cart_check import check_cart
from comanda.contexts.ordering.coupon_terms import unmet_term
from comanda.contexts.ordering.delivery import area_of
from comanda.contexts.ordering.form import CleanForm, CleanFulfilment
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contexts.ordering.prices import quote
from comanda.contexts.ordering.refusals import invalid, price_changed
from comanda.contracts.catalog import DeliveryArea, Restaurant, SlotNeed, StockNeed, Timetable
from comanda.contracts.ordering import FulfilmentDetails, Quote
from comanda.contracts.promotions import Coupon, CouponNeed
from comanda.engine.errors import FieldError


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A cart with its price and its time: what a quote answers, and what an order is made of."""

    cart: Cart
    quote: Quote
    fulfilment: FulfilmentDetails


def offer(
    restaurant: Restaurant,
    menu: MenuIndex,
    cart: Cart,
    fulfilment: CleanFulfilment,
    *,
    coupon_code: str | None,
    coupon: Coupon | None,
    tip: int,
    now: datetime,
    timetable: Timetable,
    complete: bool = False,
) -> Offer:
    """Return the offer; raises `Refused` (invalid) with all that a guest has to mend.

    Args:
        restaurant: with its published menu.
        menu: that menu's index.
        cart: as the guest sent it.
        fulfilment: how and when.
        coupon_code: what the guest wrote.
        coupon: the coupon of that code, or None where there is none.
        tip: minor units.
        now: the present instant.
        timetable: the restaurant's rules of time.
        complete: whether the cart is complete already (see `Cart`); then only what may have run out is looked at.
    """
    errors: list[FieldError] = []
    details, area = _fulfilment(restaurant, fulfilment, now, timetable, errors)
    due_at = details.due_at if details is not None else now
    checked: Cart | list[FieldError] = cart
    if not complete or restaurant.sold_out or not menu.always:
        checked = check_cart(
            menu,
            cart,
            sold_out=restaurant.sold_out,
            covers=lambda windows: timetable.covers(restaurant, windows, due_at),
        )
    if not isinstance(checked, Cart):
        raise invalid([*errors, *checked])
    priced = quote(
        menu, checked, trading=restaurant.trading, coupon=coupon, fulfilment=fulfilment.type, area=area, tip=tip
    )
    if coupon_code is not None:
        unmet = unmet_term(coupon, priced.lines, priced.items, now)
        if unmet is not None:
            errors.append(FieldError("coupon", unmet.message))
    if area is not None and priced.items < area.minimum:
        errors.append(FieldError("lines", "This is below the minimum for a delivery to your address."))
    if errors or details is None:
        raise invalid(errors)
    return Offer(cart=checked, quote=priced, fulfilment=details)


def _fulfilment(
    restaurant: Restaurant, form: CleanFulfilment, now: datetime, timetable: Timetable, errors: list[FieldError]
) -> tuple[FulfilmentDetails | None, DeliveryArea | None]:
    trading = restaurant.trading
    if form.type not in trading.fulfilments:
        errors.append(FieldError("fulfilment.type", "The restaurant does not offer this."))
        return None, None
    area = None
    if form.address is not None and trading.delivery_areas:
        area = area_of(trading.delivery_areas, form.address.postcode)
        if area is None:
            errors.append(FieldError("fulfilment.address.postcode", "We do not deliver to this postcode."))
    if form.type == "dine_in" and not form.table:
        errors.append(FieldError("fulfilment.table", "Tell us your table's number."))
    due = timetable.due(restaurant, form.type, form.at, now)
    if isinstance(due, FieldError):
        errors.append(FieldError("fulfilment.at", due.message))
        return None, area
    return (
        FulfilmentDetails(
            type=form.type,
            asap=form.at is None,
            due_at=due,
            address=form.address,
            area_id=area.id if area is not None else None,
            table=form.table or None,
        ),
        area,
    )


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An order that can be stored, with what it needs of others."""

    id: UUID
    restaurant: Restaurant
    form: CleanForm
    offer: Offer
    customer_id: UUID
    coupon_need: CouponNeed | None
    stock_needs: Sequence[StockNeed]
    slot_need: SlotNeed | None


def draft(
    order_id: UUID,
    restaurant: Restaurant,
    menu: MenuIndex,
    form: CleanForm,
    cart: Cart,
    *,
    customer_id: UUID,
    coupon: Coupon | None,
    now: datetime,
    timetable: Timetable,
) -> Draft:
    """Return the draft of an order whose cart is complete.

    Raises `Refused` where the form is invalid or the total is not the one expected.
    """
    made = offer(
        restaurant,
        menu,
        cart,
        form.fulfilment,
        coupon_code=form.coupon,
        coupon=coupon,
        tip=form.tip,
        now=now,
        timetable=timetable,
        complete=True,
    )
    total = made.quote.total
    if form.expected_total is not None and form.expected_total != total:
        raise price_changed(form.expected_total, total)
    due_at = made.fulfilment.due_at
    wanted = menu.stock_wanted(made.cart)
    day = timetable.day_of(restaurant, due_at) if wanted else None
    capacity = restaurant.trading.slot_capacity
    return Draft(
        id=order_id,
        restaurant=restaurant,
        form=form,
        offer=made,
        customer_id=customer_id,
        coupon_need=None
        if coupon is None
        else CouponNeed(order_id=order_id, coupon_id=coupon.id, customer_id=customer_id, discount=made.quote.discount),
        stock_needs=()
        if day is None
        else [
            StockNeed(
                order_id=order_id,
                restaurant_id=restaurant.id,
                item_id=item_id,
                day=day,
                quantity=quantity,
                limit=limit,
            )
            for item_id, (quantity, limit) in wanted.items()
        ],
        slot_need=None
        if capacity is None
        else SlotNeed(
            order_id=order_id,
            restaurant_id=restaurant.id,
            starts_at=timetable.slot_of(restaurant, due_at),
            capacity=capacity,
        ),
    )

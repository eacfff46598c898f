"""What a cart costs: one pure function, in integer minor units.

The rules, each tried by property-based tests:

- A line costs its quantity times its unit price: the item's price and its options', never below 0.
- A percentage coupon is rounded once, on the sum of all lines, half up (2.5 becomes 3). An amount takes off its
  value, a free item the cheapest unit of that item in the cart. No coupon takes off more than the items' sum, nor
  anything from a cart that is below its minimum or lacks its item.
- The delivery fee is that of the guest's area; it is taxed like the food, for it is ancillary to it.
- Tax is computed once, on items less discount plus fee, and rounded half up. Where menu prices contain the tax it
  is the part `rate / (1 + rate)` of that sum; where they do not, it is `rate` times it, added on top.
- The tip is neither discounted nor taxed.
"""

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contracts.catalog import DeliveryArea, FulfilmentType, Trading
from comanda.contracts.ordering import ChosenOption, OrderLine, Quote
from comanda.contracts.promotions import Coupon

BASIS = 10_000
"""Basis points in one: 825 of them are 8.25 %."""


def quote(
    menu: MenuIndex,
    cart: Cart,
    *,
    trading: Trading,
    coupon: Coupon | None = None,
    fulfilment: FulfilmentType = "pickup",
    area: DeliveryArea | None = None,
    tip: int = 0,
) -> Quote:
    """Return what a complete cart costs.

    Args:
        menu: the menu from which the cart was completed.
        cart: what `check_cart` returned.
        trading: the restaurant's tax.
        coupon: taken off where the cart meets its terms; whether it is valid now is `coupon_terms`' question.
        fulfilment: how the guest gets the order.
        area: where it is delivered to; None where it is not delivered.
        tip: minor units, 0 or more.

    Raises:
        KeyError: the cart names something that the menu does not have.
        ValueError: the tip is negative.
    """
    if tip < 0:
        raise ValueError("A tip is never negative.")
    lines = priced_lines(menu, cart)
    items = sum(line.total for line in lines)
    discount = discount_of(coupon, lines, items) if coupon is not None else 0
    fee = area.fee if area is not None and fulfilment == "delivery" else 0
    taxed = items - discount + fee
    rate = trading.tax_basis_points
    if trading.tax_included:
        tax, tax_added = rounded_half_up(taxed * rate, BASIS + rate), 0
    else:
        tax = tax_added = rounded_half_up(taxed * rate, BASIS)
    return Quote(
        currency=menu.menu.currency,
        lines=lines,
        items=items,
        discount=discount,
        tax=tax,
        tax_added=tax_added,
        fee=fee,
        tip=tip,
        total=taxed + tax_added + tip,
        coupon=coupon.code if coupon is not None else None,
    )


def priced_lines(menu: MenuIndex, cart: Cart) -> tuple[OrderLine, ...]:
    """Return the lines as the guest sees them, with names and prices."""
    lines = []
    known = menu.items
    for line in cart.lines:
        indexed = known[line.item]
        item = indexed.item
        unit_price = item.price
        chosen: list[ChosenOption] = []
        for wanted in line.options:
            once = indexed.options[wanted.id].once
            quantity = wanted.quantity
            if quantity == 1:
                chosen.append(once)
                unit_price += once.price
            else:
                chosen.append(ChosenOption(id=once.id, name=once.name, price=once.price, quantity=quantity))
                unit_price += once.price * quantity
        unit_price = max(unit_price, 0)
        lines.append(
            OrderLine(
                item=item.id,
                name=item.name,
                quantity=line.quantity,
                unit_price=unit_price,
                total=unit_price * line.quantity,
                options=tuple(chosen),
                note=line.note,
            )
        )
    return tuple(lines)


def discount_of(coupon: Coupon, lines: tuple[OrderLine, ...], items: int) -> int:
    """Return what the coupon takes off `items`, the sum of `lines`: between 0 and `items`."""
    if items < coupon.minimum:
        return 0
    match coupon.kind:
        case "percentage":
            off = rounded_half_up(items * coupon.value, BASIS)
        case "amount":
            off = coupon.value
        case "free_item":
            off = min((line.unit_price for line in lines if line.item == coupon.item_id), default=0)
    return max(0, min(off, items))


def rounded_half_up(numerator: int, denominator: int) -> int:
    """Return the fraction rounded to a whole number, halves up; neither part is negative."""
    return (2 * numerator + denominator) // (2 * denominator)

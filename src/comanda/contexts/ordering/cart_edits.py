"""What a guest does to a cart, page by page. Pure."""

from collections.abc import Sequence

import msgspec

from comanda.contexts.ordering.cart import MAX_LINES, MAX_QUANTITY, Cart, CartLine
from comanda.contexts.ordering.cart_check import check_cart
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contexts.ordering.prices import priced_lines
from comanda.contracts.ordering import OrderLine
from comanda.engine.errors import Refused


def with_line(cart: Cart, line: CartLine, *, instead_of: int | None = None) -> Cart:
    """Return the cart with one more line, or with this line in another's place; the same line twice becomes one.

    Raises `Refused` when the cart is full.
    """
    lines = list(cart.lines)
    if instead_of is not None and 0 <= instead_of < len(lines):
        del lines[instead_of]
    else:
        instead_of = len(lines)
    for place, other in enumerate(lines):
        if (other.item, other.options, other.note) == (line.item, line.options, line.note):
            quantity = min(other.quantity + line.quantity, MAX_QUANTITY)
            lines[place] = msgspec.structs.replace(other, quantity=quantity)
            return Cart(lines=tuple(lines))
    if len(lines) >= MAX_LINES:
        raise Refused("Your cart is full. Please order this first.", kind="conflict", code="cart-full")
    lines.insert(instead_of, line)
    return Cart(lines=tuple(lines))


def with_quantity(cart: Cart, place: int, item: str, quantity: int) -> Cart:
    """Return the cart with another quantity of a line; none takes it out. A line that is not there changes nothing."""
    lines = list(cart.lines)
    if not 0 <= place < len(lines) or lines[place].item != item:
        return cart
    if quantity < 1:
        del lines[place]
    else:
        lines[place] = msgspec.structs.replace(lines[place], quantity=min(quantity, MAX_QUANTITY))
    return Cart(lines=tuple(lines))


def still_on_the_menu(menu: MenuIndex, cart: Cart) -> Cart:
    """Return the cart, complete, without the lines that the menu no longer has."""
    checked = (check_cart(menu, Cart(lines=(line,))) for line in cart.lines)
    return Cart(lines=tuple(line for one in checked if isinstance(one, Cart) for line in one.lines))


def priced(menu: MenuIndex, cart: Cart) -> Sequence[OrderLine]:
    """Return the cart's lines with names and prices; the cart must be what `still_on_the_menu` returned."""
    return priced_lines(menu, cart)

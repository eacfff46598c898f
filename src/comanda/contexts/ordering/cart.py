"""What a guest wants to order, as it was sent: ids and quantities, no names and no prices."""

import msgspec

MAX_LINES = 50
"""Lines in a cart, at most."""

MAX_QUANTITY = 99
"""How often one line's item can be ordered, at most."""


class CartOption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An option of a line's item, `quantity` times for each unit of the item."""

    id: str
    quantity: int = 1


class CartLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item, `quantity` times, each with the same options. An option named twice is chosen twice."""

    item: str
    quantity: int = 1
    options: tuple[CartOption, ...] = ()
    note: str = ""


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of an order.

    A cart is *complete* once `check_cart` has returned it: all ids exist, each option is named once, in the menu's
    order, and groups that the guest left alone hold their defaults.
    """

    lines: tuple[CartLine, ...] = ()

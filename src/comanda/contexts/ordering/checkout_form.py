"""The checkout's form: what a guest typed, kept as it was typed, and the order that it means. Pure.

The page asks for the same things as the API, under shorter names; refusals come back under the page's names.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import msgspec
from babel.numbers import get_currency_precision

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.form import MAX_AMOUNT, PlaceOrder
from comanda.engine.errors import FieldError
from comanda.web.faults import field_error
from comanda.web.forms import Form

TIPS = (0, 5, 10, 15)
"""Tips offered, in percent of the items."""

FIELDS = {
    "customer.name": "name",
    "customer.email": "email",
    "customer.phone": "phone",
    "fulfilment.type": "fulfilment",
    "fulfilment.at": "at",
    "fulfilment.table": "table",
    "fulfilment.address": "street",
    "fulfilment.address.street": "street",
    "fulfilment.address.city": "city",
    "fulfilment.address.postcode": "postcode",
    "fulfilment.address.detail": "detail",
    "coupon": "coupon",
    "tip": "tip",
    "note": "note",
    "payment.method": "card",
}
"""The page's name of each field of the API's form that stands on the page."""


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it was typed.

    Attributes:
        at: the time chosen for the fulfilment that is chosen; empty is as soon as possible.
        attempt: names this one intent; it becomes the idempotency key.
        cart: sealed, see `cart_cookie`.
        expected_total: what the page showed.
        confirm: the token of "yes, again".
    """

    attempt: str
    cart: str
    fulfilment: str
    at: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    city: str = ""
    postcode: str = ""
    detail: str = ""
    table: str = ""
    coupon: str = ""
    tip: str = "0"
    tip_other: str = ""
    note: str = ""
    card: str = ""
    expected_total: str = ""
    confirm: str = ""

    def pairs(self) -> list[tuple[str, str]]:
        """Return names and values, to carry the whole form along on another page."""
        values = msgspec.structs.asdict(self)
        return [(f"at_{self.fulfilment}" if name == "at" else name, value) for name, value in values.items()]


def typed(form: Form, *, fulfilment: str) -> Typed:
    """Return what was typed; `fulfilment` stands where none was chosen."""
    chosen = form.one("fulfilment", fulfilment)
    values = {name: form.one(name) for name in Typed.__struct_fields__ if name in form}
    return Typed(**{"attempt": "", "cart": "", **values, "fulfilment": chosen, "at": form.one(f"at_{chosen}")})


def order_meant(typed: Typed, slug: str, cart: Cart, *, currency: str, items: int) -> PlaceOrder | list[FieldError]:
    """Return the order that the form means, or what is wrong with it.

    Args:
        typed: the form.
        slug: of the restaurant.
        cart: the cart in the form.
        currency: of the restaurant.
        items: what the cart's items cost, of which tips are a part.
    """
    tip = tip_meant(typed, items, currency)
    if tip is None:
        return [FieldError("tip", "Write the tip as an amount, such as 2.50.")]
    address = {"street": typed.street, "city": typed.city, "postcode": typed.postcode, "detail": typed.detail}
    fulfilment: dict[str, object] = {"type": typed.fulfilment, "table": typed.table, "at": typed.at or None}
    if typed.fulfilment == "delivery":
        fulfilment["address"] = address
    document = {
        "restaurant": slug,
        "customer": {"name": typed.name, "email": typed.email, "phone": typed.phone},
        "fulfilment": fulfilment,
        "lines": lines_meant(cart),
        "coupon": typed.coupon or None,
        "tip": tip,
        "note": typed.note,
        "expected_total": int(typed.expected_total) if _is_amount(typed.expected_total) else None,
        "confirm": typed.confirm or None,
        "payment": {"method": typed.card},
    }
    try:
        return msgspec.convert(document, PlaceOrder)
    except msgspec.ValidationError as error:
        return [field_error(error)]


def lines_meant(cart: Cart) -> list[dict[str, object]]:
    """Return the cart's lines as the API's form has them."""
    return [
        {
            "item": line.item,
            "quantity": line.quantity,
            "options": [option.id for option in line.options for _ in range(option.quantity)],
            "note": line.note,
        }
        for line in cart.lines
    ]


def tip_meant(typed: Typed, items: int, currency: str) -> int | None:
    """Return the tip in minor units, or None when it is none: an amount where `other` was chosen, else a percentage."""
    if typed.tip == "other":
        return amount_typed(typed.tip_other or "0", currency)
    return tip_of(items, int(typed.tip)) if typed.tip in {str(tip) for tip in TIPS} else 0


def tip_of(items: int, percent: int) -> int:
    """Return a percentage of the items, in minor units, halves up."""
    return (items * percent + 50) // 100


def amount_typed(text: str, currency: str) -> int | None:
    """Return an amount as people type it (`2.50`, `2,5`) in minor units, or None when it is none, or out of bounds."""
    try:
        value = Decimal(text.strip().replace(",", ".") or "0")
    except InvalidOperation:
        return None
    if not value.is_finite() or not 0 <= value <= MAX_AMOUNT:
        return None
    minor = value.scaleb(get_currency_precision(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return int(minor) if minor <= MAX_AMOUNT else None


def told(errors: Sequence[FieldError]) -> tuple[dict[str, str], list[str]]:
    """Return the sentences that stand beside a field of the page, by its name, and those that stand above the form."""
    beside: dict[str, str] = {}
    above: list[str] = []
    for error in errors:
        name = FIELDS.get(error.path)
        if name is not None:
            beside.setdefault(name, error.message)
        elif error.message not in above:
            above.append(error.message)
    return beside, above


def _is_amount(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_AMOUNT))

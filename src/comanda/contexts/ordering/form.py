"""The form of an order: as it is sent, and cleaned.

`PlaceOrder` is what the API and the page's form send. `clean_form` turns it into a `CleanForm`, whose e-mail, phone and
texts have one way of being written, or says field by field what a guest should change. Pure.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from comanda.contexts.ordering.attributes import clean_attributes
from comanda.contexts.ordering.cart import MAX_LINES, Cart, CartLine, CartOption
from comanda.contexts.ordering.texts import clean_text
from comanda.contracts.catalog import FulfilmentType
from comanda.contracts.contact import clean_email, clean_phone
from comanda.contracts.ordering import Address
from comanda.engine.errors import FieldError

MAX_AMOUNT = 100_000_00
"""The largest tip or expected total, in minor units."""

MAX_OPTIONS = 100
"""Options named on one line, at most."""

Text20 = Annotated[str, msgspec.Meta(max_length=20)]
Text100 = Annotated[str, msgspec.Meta(max_length=100)]
Text200 = Annotated[str, msgspec.Meta(max_length=200)]
Text500 = Annotated[str, msgspec.Meta(max_length=500)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]


class CustomerForm(msgspec.Struct, frozen=True, kw_only=True):
    """Who orders. The phone may be left out; with none, only the e-mail tells who it is."""

    name: Text100
    email: Annotated[str, msgspec.Meta(max_length=254)]
    phone: Annotated[str, msgspec.Meta(max_length=40)] = ""


class AddressForm(msgspec.Struct, frozen=True, kw_only=True):
    """Where to deliver."""

    street: Text200
    city: Text100
    postcode: Text20
    detail: Text200 = ""


class FulfilmentForm(msgspec.Struct, frozen=True, kw_only=True):
    """How and when: `at` is the beginning of a slot (RFC 3339, with its offset); left out, as soon as possible."""

    type: FulfilmentType
    at: datetime | None = None
    address: AddressForm | None = None
    table: Text20 = ""


class LineForm(msgspec.Struct, frozen=True, kw_only=True):
    """A line: an item, how many, and the ids of the options; an id named twice is chosen twice."""

    item: Text100
    quantity: Annotated[int, msgspec.Meta(ge=1, le=99)] = 1
    options: Annotated[list[Text100], msgspec.Meta(max_length=MAX_OPTIONS)] = []
    note: Text200 = ""


class PaymentForm(msgspec.Struct, frozen=True, kw_only=True):
    """How to pay: the provider's name for a card (a token; the sandbox takes its test numbers)."""

    method: Text200 = ""


class QuoteForm(msgspec.Struct, frozen=True, kw_only=True):
    """A cart to be priced."""

    restaurant: Text100
    fulfilment: FulfilmentForm
    lines: Annotated[list[LineForm], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    coupon: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    tip: Amount = 0


class PlaceOrder(QuoteForm, frozen=True, kw_only=True):
    """An order.

    Attributes:
        expected_total: what the guest was shown.
        confirm: the token with which they said "yes, again".
        attributes: what this restaurant asks beside; checked against its own schema.
    """

    customer: CustomerForm
    note: Text500 = ""
    expected_total: Amount | None = None
    confirm: Text200 | None = None
    payment: PaymentForm = PaymentForm()
    attributes: dict[str, object] = {}


class CleanFulfilment(msgspec.Struct, frozen=True, kw_only=True):
    """Fulfilment with its texts cleaned and its time in UTC."""

    type: FulfilmentType
    at: datetime | None
    address: Address | None
    table: str


class CleanForm(msgspec.Struct, frozen=True, kw_only=True):
    """A form in which everything is written in one way. The cart is as it was sent; the menu completes it."""

    name: str
    email: str
    phone: str
    fulfilment: CleanFulfilment
    cart: Cart
    coupon: str | None
    tip: int
    note: str
    expected_total: int | None
    payment_method: str
    attributes: dict[str, object]


def clean_form(form: PlaceOrder, *, country: str, schema: Mapping[str, object]) -> CleanForm | list[FieldError]:
    """Return the cleaned form, or what is wrong with it.

    Args:
        form: as it was sent.
        country: ISO 3166 code of the restaurant's country, for phones without a country code.
        schema: the restaurant's JSON Schema for an order's attributes; empty where it has none.
    """
    errors: list[FieldError] = []
    name = clean_text(form.customer.name, "customer.name", errors)
    if not name:
        errors.append(FieldError("customer.name", "Tell us your name."))
    email = clean_email(form.customer.email)
    if email is None:
        errors.append(FieldError("customer.email", "This is not an e-mail address that we can write to."))
    phone = clean_phone(form.customer.phone, country)
    if phone is None:
        errors.append(FieldError("customer.phone", "This is not a phone number; write it with its area code."))
    cart = clean_cart(form.lines, errors)
    fulfilment = clean_fulfilment(form.fulfilment, errors)
    note = clean_text(form.note, "note", errors, lines=True)
    coupon = clean_text(form.coupon or "", "coupon", errors)
    method = clean_text(form.payment.method, "payment.method", errors)
    attributes = clean_attributes(form.attributes, schema, errors)
    if errors or email is None or phone is None:
        return errors
    return CleanForm(
        name=name,
        email=email,
        phone=phone,
        fulfilment=fulfilment,
        cart=cart,
        coupon=coupon.upper() or None,
        tip=form.tip,
        note=note,
        expected_total=form.expected_total,
        payment_method=method,
        attributes=attributes,
    )


def clean_cart(lines: Sequence[LineForm], errors: list[FieldError]) -> Cart:
    """Return the cart with cleaned notes; what is wrong is added to `errors`."""
    cleaned = []
    for number, line in enumerate(lines):
        note = clean_text(line.note, f"lines.{number}.note", errors) if line.note else ""
        options = tuple(CartOption(id=option) for option in line.options)
        cleaned.append(CartLine(item=line.item, quantity=line.quantity, options=options, note=note))
    return Cart(lines=tuple(cleaned))


def clean_fulfilment(form: FulfilmentForm, errors: list[FieldError]) -> CleanFulfilment:
    """Return the fulfilment; what is wrong is added to `errors`. What its type has no use for is dropped."""
    at = form.at
    if at is not None and at.tzinfo is None:
        errors.append(FieldError("fulfilment.at", "Give the time with its offset, such as 2026-11-24T18:30:00+01:00."))
        at = None
    address = None
    if form.type == "delivery":
        address = _clean_address(form.address, errors)
    table = clean_text(form.table, "fulfilment.table", errors) if form.type == "dine_in" else ""
    try:
        at = at.astimezone(UTC) if at is not None else None
    except OverflowError:
        errors.append(FieldError("fulfilment.at", "This time is not in our calendar."))
    return CleanFulfilment(type=form.type, at=at, address=address, table=table)


def _clean_address(form: AddressForm | None, errors: list[FieldError]) -> Address | None:
    if form is None:
        errors.append(FieldError("fulfilment.address", "Tell us where to deliver."))
        return None
    address = Address(
        street=clean_text(form.street, "fulfilment.address.street", errors),
        city=clean_text(form.city, "fulfilment.address.city", errors),
        postcode=clean_text(form.postcode, "fulfilment.address.postcode", errors).upper(),
        detail=clean_text(form.detail, "fulfilment.address.detail", errors),
    )
    if not address.street:
        errors.append(FieldError("fulfilment.address.street", "Tell us the street and house number."))
    if not address.postcode:
        errors.append(FieldError("fulfilment.address.postcode", "Tell us the postcode."))
    return address

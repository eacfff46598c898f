"""What ordering shows: the facts of an order's life.

`OrderPlaced` and `OrderPaid` carry the order as a document (`OrderDocument`), so that payments, kitchen, receipts and
customers need to ask nobody.
"""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from comanda.contracts.catalog import FulfilmentType
from comanda.engine.events import Event


class GuestDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Who ordered, as they wrote it (normalised e-mail and phone); `id` is the same for the same e-mail."""

    id: UUID
    name: str
    email: str
    phone: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where to deliver."""

    street: str
    city: str
    postcode: str
    detail: str = ""


class FulfilmentDetails(msgspec.Struct, frozen=True, kw_only=True):
    """How and when the guest gets the order. `due_at` is when it should be ready, in UTC; `asap` is without delay."""

    type: FulfilmentType
    asap: bool
    due_at: datetime
    address: Address | None = None
    area_id: str | None = None
    table: str | None = None


class ChosenOption(msgspec.Struct, frozen=True, kw_only=True):
    """An option as the guest saw it."""

    id: str
    name: str
    price: int
    quantity: int = 1


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as the guest saw it; `unit_price` contains the options, `total` is `unit_price * quantity`."""

    item: str
    name: str
    quantity: int
    unit_price: int
    total: int
    options: tuple[ChosenOption, ...] = ()
    note: str = ""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What an order costs, in minor units. `total = items - discount + tax_added + fee + tip`.

    Attributes:
        items: sum of the lines.
        discount: what the coupon takes off; never more than `items`.
        tax: the tax in the total; where prices contain tax it is a part of the rest, and `tax_added` is 0.
        tax_added: the tax that is added on top; equals `tax` where prices do not contain it.
        fee: for delivery.
    """

    currency: str
    lines: tuple[OrderLine, ...]
    items: int
    discount: int
    tax: int
    tax_added: int
    fee: int
    tip: int
    total: int
    coupon: str | None = None


class OrderDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An order as other contexts need it."""

    id: UUID
    number: int
    restaurant_id: UUID
    restaurant_slug: str
    restaurant_name: str
    timezone: str
    locale: str
    placed_at: datetime
    tracking_path: str
    guest: GuestDetails
    fulfilment: FulfilmentDetails
    quote: Quote
    note: str = ""
    payment_method: str = ""


class OrderEvent(Event, frozen=True, kw_only=True):
    """The root of the order's facts: all carry its id, and are ordered by it."""

    key_field: ClassVar[str] = "order_id"

    order_id: UUID
    restaurant_id: UUID


class OrderPlaced(OrderEvent, frozen=True, kw_only=True):
    """An order was made. It is to be charged `order.quote.total` (nothing is charged when that is 0)."""

    name: ClassVar[str] = "ordering.OrderPlaced"
    order: OrderDocument


class OrderPaid(OrderEvent, frozen=True, kw_only=True):
    """The provider has said that the order is paid: cook it, send the receipt."""

    name: ClassVar[str] = "ordering.OrderPaid"
    paid_at: datetime
    order: OrderDocument


class OrderMoved(OrderEvent, frozen=True, kw_only=True):
    """The order has another status on its way through the kitchen to the guest."""

    name: ClassVar[str] = "ordering.OrderMoved"
    status: Literal["accepted", "preparing", "ready", "on_its_way", "completed"]


class OrderPaymentFailed(OrderEvent, frozen=True, kw_only=True):
    """The payment failed for good; what the order held was given back."""

    name: ClassVar[str] = "ordering.OrderPaymentFailed"
    reason: str


class OrderEnded(OrderEvent, frozen=True, kw_only=True):
    """The order was cancelled (by staff) or rejected (by the kitchen); whatever was paid is to be refunded.

    What it held was given back in the same transaction.
    """

    name: ClassVar[str] = "ordering.OrderEnded"
    status: Literal["cancelled", "rejected"]
    reason: str


class RefundRequested(OrderEvent, frozen=True, kw_only=True):
    """Staff want `amount` minor units of this order given back. `refund_id` names this one intent."""

    name: ClassVar[str] = "ordering.RefundRequested"
    refund_id: UUID
    amount: int
    reason: str


class GuestErased(Event, frozen=True, kw_only=True):
    """A guest was erased: these orders of theirs name nobody any more, and whoever keeps a copy takes the names out."""

    name: ClassVar[str] = "ordering.GuestErased"
    key_field: ClassVar[str] = "customer_id"

    customer_id: UUID
    order_ids: tuple[UUID, ...]


def anonymous(order: OrderDocument) -> OrderDocument:
    """Return the order with all taken out that says something of its guest: amounts and dishes stay."""
    return msgspec.structs.replace(
        order,
        guest=GuestDetails(id=order.guest.id, name="", email="", phone=""),
        fulfilment=msgspec.structs.replace(order.fulfilment, address=None),
        quote=msgspec.structs.replace(
            order.quote, lines=tuple(msgspec.structs.replace(line, note="") for line in order.quote.lines)
        ),
        note="",
    )


EVENTS: tuple[type[Event], ...] = (
    OrderPlaced,
    OrderPaid,
    OrderMoved,
    OrderPaymentFailed,
    OrderEnded,
    RefundRequested,
    GuestErased,
)

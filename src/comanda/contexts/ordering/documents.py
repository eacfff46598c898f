"""An order as others see it: the guest's answer, and the document that travels in events. Pure."""

from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.ordering.states import Status
from comanda.contracts.ordering import FulfilmentDetails, OrderLine, Quote


class QuoteView(msgspec.Struct, frozen=True, kw_only=True):
    """What an order costs, in minor units of `currency`; see `contracts.ordering.Quote`."""

    currency: str
    items: int
    discount: int
    tax: int
    tax_added: int
    fee: int
    tip: int
    total: int
    coupon: str | None


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a placed order. `tracking` is the address of the guest's page, `token` its unguessable part."""

    id: UUID
    number: int
    status: Status
    restaurant: str
    placed_at: datetime
    due_at: datetime
    tracking: str
    token: str
    lines: tuple[OrderLine, ...]
    quote: QuoteView
    fulfilment: FulfilmentDetails


class TimelineView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an order: `what` is a status, or `ticket_opened`, `receipt_sent`, `refund_done`."""

    at: datetime
    what: str


class OrderView(OrderAnswer, frozen=True, kw_only=True):
    """An order as its guest may see it now."""

    refunded: int
    note: str
    timeline: tuple[TimelineView, ...]


def quote_view(quote: Quote) -> QuoteView:
    """Return the quote without its lines, which stand beside it."""
    return QuoteView(
        currency=quote.currency,
        items=quote.items,
        discount=quote.discount,
        tax=quote.tax,
        tax_added=quote.tax_added,
        fee=quote.fee,
        tip=quote.tip,
        total=quote.total,
        coupon=quote.coupon,
    )

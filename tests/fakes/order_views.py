"""Orders as their guests see them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from comanda.contexts.ordering.documents import OrderView, QuoteView, TimelineView
from comanda.contexts.ordering.states import Status
from comanda.contracts.catalog import FulfilmentType
from comanda.contracts.ordering import FulfilmentDetails

AT = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)


def view(status: Status, *happened: str, fulfilment: FulfilmentType = "pickup") -> OrderView:
    """Return an order in that status, to which `happened` has happened, a minute after each other."""
    return OrderView(
        id=UUID(int=1),
        number=1001,
        status=status,
        restaurant="demo",
        placed_at=AT,
        due_at=AT,
        tracking="https://demo.example/o/token",
        token="token",
        lines=(),
        quote=QuoteView(currency="EUR", items=0, discount=0, tax=0, tax_added=0, fee=0, tip=0, total=0, coupon=None),
        fulfilment=FulfilmentDetails(type=fulfilment, asap=True, due_at=AT),
        refunded=0,
        note="",
        timeline=tuple(TimelineView(at=AT + timedelta(minutes=n), what=what) for n, what in enumerate(happened)),
    )

"""Paid orders for contexts that react to them."""

from datetime import datetime, timedelta
from uuid import UUID

from comanda.contracts.catalog import FulfilmentType
from comanda.contracts.ordering import (
    Address,
    ChosenOption,
    FulfilmentDetails,
    GuestDetails,
    OrderDocument,
    OrderLine,
    OrderPaid,
    Quote,
)

RESTAURANT = UUID(int=7)


def order_paid(
    order_id: UUID,
    at: datetime,
    *,
    number: int = 1001,
    fulfilment: FulfilmentType = "pickup",
    guest: GuestDetails | None = None,
    address: Address | None = None,
    restaurant_id: UUID = RESTAURANT,
    due_in_minutes: int = 30,
) -> OrderPaid:
    """Return the event of a small order with an option and notes, placed and paid at `at`."""
    line = OrderLine(
        item="margherita",
        name="Margherita <b>",
        quantity=2,
        unit_price=1250,
        total=2500,
        options=(
            ChosenOption(id="large", name="Large", price=250),
            ChosenOption(id="olives", name="Olives", price=100),
        ),
        note="well done",
    )
    quote = Quote(
        currency="EUR", lines=(line,), items=2500, discount=0, tax=163, tax_added=0, fee=0, tip=100, total=2600
    )
    if fulfilment == "delivery" and address is None:
        address = Address(street="Rua Augusta 1", city="Lisboa", postcode="1100-048", detail="2nd floor")
    document = OrderDocument(
        id=order_id,
        number=number,
        restaurant_id=restaurant_id,
        restaurant_slug="demo",
        restaurant_name="Casa Demo",
        timezone="Europe/Lisbon",
        locale="en",
        placed_at=at,
        tracking_path="/o/token",
        guest=guest or GuestDetails(id=UUID(int=99), name="Ana Sousa", email="ana@example.org", phone="+351912345678"),
        fulfilment=FulfilmentDetails(
            type=fulfilment,
            asap=True,
            due_at=at + timedelta(minutes=due_in_minutes),
            address=address,
            table="12" if fulfilment == "dine_in" else None,
        ),
        quote=quote,
        note="Ring twice",
    )
    return OrderPaid(order_id=order_id, restaurant_id=restaurant_id, paid_at=at, order=document)

"""A paid order that has everything a receipt can show."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

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

PLACED_AT = datetime(2025, 6, 2, 16, 30, tzinfo=UTC)
PAID_AT = datetime(2025, 6, 2, 16, 31, tzinfo=UTC)
RESTAURANT = UUID("018f0000-0000-7000-8000-000000000001")


def full_order(number: int = 1, **changes: Any) -> OrderDocument:
    """Return an order of two lines for delivery, with option, notes, coupon, tax, fee and tip."""
    lines = (
        OrderLine(
            item="margherita",
            name="Margherita",
            quantity=2,
            unit_price=1050,
            total=2100,
            options=(ChosenOption(id="basil", name="Extra basil", price=100, quantity=1),),
            note="well done",
        ),
        OrderLine(item="water", name="Water", quantity=1, unit_price=300, total=300),
    )
    order = OrderDocument(
        id=UUID(int=(0x018F0001 << 96) | (7 << 76) | (0x8 << 60) | number),
        number=number,
        restaurant_id=RESTAURANT,
        restaurant_slug="demo",
        restaurant_name="Trattoria Ñandú",
        timezone="Europe/Rome",
        locale="en_IE",
        placed_at=PLACED_AT,
        tracking_path=f"/orders/token-{number}",
        guest=GuestDetails(
            id=UUID(int=7), name="Ada Lovelace", email=f"ada{number}@example.com", phone="+390612345678"
        ),
        fulfilment=FulfilmentDetails(
            type="delivery",
            asap=True,
            due_at=datetime(2025, 6, 2, 17, 15, tzinfo=UTC),
            address=Address(street="Via Appia 1", city="Roma", postcode="00179", detail="second floor"),
        ),
        quote=Quote(
            currency="EUR",
            lines=lines,
            items=2400,
            discount=240,
            tax=196,
            tax_added=0,
            fee=250,
            tip=100,
            total=2510,
            coupon="WELCOME10",
        ),
        note="ring twice",
    )
    return replace(order, **changes)


def full_order_paid(number: int = 1, **changes: Any) -> OrderPaid:
    """Return the fact that such an order is paid."""
    order = full_order(number, **changes)
    return OrderPaid(order_id=order.id, restaurant_id=order.restaurant_id, paid_at=PAID_AT, order=order)

"""Attributes of the restaurant's own on an order, from the form to the staff's view."""

import pytest

from comanda.engine.database import Database
from comanda.engine.errors import Refused
from tests.fakes.clock import FakeClock
from tests.fakes.shop import RESTAURANT, identity, open_shop, order_form

SCHEMA: dict[str, object] = {
    "order": {
        "type": "object",
        "properties": {"cutlery": {"type": "boolean"}, "floor": {"type": "integer", "minimum": 0}},
        "required": ["cutlery"],
        "additionalProperties": False,
    }
}


async def test_attributes_are_checked_stored_and_shown(database: Database, clock: FakeClock) -> None:
    """The schema's faults are told by path and nothing is stored; good attributes reach the staff's view."""
    async with open_shop(database, clock, attributes_schema=SCHEMA) as shop:
        with pytest.raises(Refused) as caught:
            await shop.place(order_form(attributes={"floor": -1, "lift": True}))
        assert caught.value.kind == "invalid"
        paths = {field.path for field in caught.value.fields}
        assert paths == {"attributes.cutlery", "attributes.floor", "attributes.lift"}
        assert await shop.count("ordering.orders") == 0
        placed = await shop.place(order_form(attributes={"floor": 3, "cutlery": True}))
        again = await shop.place(order_form(attributes={"cutlery": True, "floor": 3}))
        other = await shop.place(order_form(attributes={"cutlery": False, "floor": 3}))
        assert identity(again) == identity(placed) != identity(other)
        view = await shop.parts.ordering.for_staff(RESTAURANT, identity(placed))
        assert view.attributes == {"floor": 3, "cutlery": True}

"""The demo restaurant: always open, with everything one wants to try."""

from uuid import UUID

from comanda.contexts.catalog.demo_menu import CATEGORIES
from comanda.contexts.catalog.service import Catalog
from comanda.contracts.catalog import DeliveryArea, Menu, Restaurant, Trading
from comanda.engine.database import Transaction
from comanda.engine.ids import Ids

SLUG = "demo"

TRADING = Trading(
    lead_minutes={"pickup": 20, "delivery": 40, "dine_in": 15},
    delivery_areas=(
        DeliveryArea(
            id="centre", name="Centre", postcodes=tuple(f"280{n:02}" for n in range(1, 16)), fee=190, minimum=1000
        ),
        DeliveryArea(id="city", name="The rest of Madrid", postcodes=("28*",), fee=290, minimum=1500),
        DeliveryArea(id="further", name="Further out", postcodes=("*",), fee=490, minimum=2000),
    ),
    slot_minutes=15,
    days_ahead=7,
    tax_basis_points=1000,
    tax_included=True,
)

ATTRIBUTES_SCHEMA: dict[str, object] = {
    "restaurant": {
        "type": "object",
        "properties": {"cuisine": {"type": "string"}, "tagline": {"type": "string"}},
        "additionalProperties": False,
    },
    "item": {
        "type": "object",
        "properties": {
            "diet": {"enum": ["vegetarian", "vegan"]},
            "spice": {"type": "integer", "minimum": 1, "maximum": 3},
        },
        "additionalProperties": False,
    },
    "order": {
        "type": "object",
        "properties": {"cutlery": {"type": "boolean"}, "floor": {"type": "integer", "minimum": 0}},
        "additionalProperties": False,
    },
}

ANY_RESTAURANT = "SELECT EXISTS (SELECT FROM catalog.restaurants)"

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('comanda seed demo'))"


def demo_restaurant(id_: UUID) -> Restaurant:
    """Return the demo restaurant under that id."""
    return Restaurant(
        id=id_,
        slug=SLUG,
        name="Casa Comanda",
        currency="EUR",
        timezone="Europe/Madrid",
        country="ES",
        locale="en",
        revision=1,
        trading=TRADING,
        menu=Menu(version=1, currency="EUR", categories=CATEGORIES),
        attributes={"cuisine": "Spanish and Italian", "tagline": "Tapas, wood-fired pizza and paella, all day long."},
        attributes_schema=ATTRIBUTES_SCHEMA,
    )


async def seed_demo(tx: Transaction, catalog: Catalog, ids: Ids) -> UUID | None:
    """Make the demo restaurant where there is no restaurant at all, and return its id; else do nothing, return None.

    Of several that seed at once, one does.
    """
    await tx.fetch_value(ONE_AT_A_TIME)
    if await tx.fetch_value(ANY_RESTAURANT):
        return None
    restaurant = demo_restaurant(ids.new())
    await catalog.create(tx, restaurant)
    return restaurant.id

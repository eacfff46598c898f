"""Menus: what cannot be priced or sold is told at its field before it is published."""

from uuid import UUID

import msgspec
import pytest

from comanda.contexts.catalog.demo import ATTRIBUTES_SCHEMA, demo_restaurant
from comanda.contexts.catalog.menus import MenuDraft, cheapest_choice, menu_errors
from comanda.contexts.catalog.service import Settings, settings_errors
from comanda.contracts.attributes import attribute_errors, part_of, schema_errors
from comanda.contracts.catalog import Category, DeliveryArea, Item, MenuOption, OptionGroup, Trading, Window

SIZE = OptionGroup(
    id="size",
    name="Size",
    min=1,
    max=1,
    options=(MenuOption(id="s", name="S"), MenuOption(id="l", name="L", price=200)),
)
PIZZA = Item(id="pizza", name="Pizza", price=900, option_groups=(SIZE,))


def change(item: Item, **members: object) -> Item:
    """Return the item with other members."""
    return msgspec.structs.replace(item, **members)


def group(**members: object) -> Item:
    """Return the pizza with another size group."""
    return change(PIZZA, option_groups=(msgspec.structs.replace(SIZE, **members),))


def paths(*items: Item, schema: dict[str, object] | None = None) -> list[str]:
    """Return the paths of what is wrong with a menu of these items."""
    draft = MenuDraft(categories=(Category(id="all", name="All", items=items),))
    return [error.path for error in menu_errors(draft, schema or {})]


ITEM = "categories.0.items.0"
GROUP = f"{ITEM}.option_groups.0"


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (change(PIZZA, id=""), f"{ITEM}.id"),
        (change(PIZZA, id="a b"), f"{ITEM}.id"),
        (change(PIZZA, name=" "), f"{ITEM}.name"),
        (change(PIZZA, name="x" * 201), f"{ITEM}.name"),
        (change(PIZZA, name="pizza\u202egnirts"), f"{ITEM}.name"),
        (change(PIZZA, price=-1), f"{ITEM}.price"),
        (change(PIZZA, price=10**9), f"{ITEM}.price"),
        (change(PIZZA, daily_stock=-1), f"{ITEM}.daily_stock"),
        (change(PIZZA, availability=(Window(start="25:00", end="26:00"),)), f"{ITEM}.availability.0.start"),
        (change(PIZZA, availability=(Window(days=(0,), start="09:00", end="10:00"),)), f"{ITEM}.availability.0.days"),
        (change(PIZZA, option_groups=(SIZE, SIZE)), f"{ITEM}.option_groups.1.id"),
        (group(min=2), f"{GROUP}.min"),
        (group(min=-1), f"{GROUP}.min"),
        (group(min=3, max=3), f"{GROUP}.min"),
        (group(min=0, max=0), f"{GROUP}.max"),
        (group(options=()), f"{GROUP}.options"),
        (
            group(options=(MenuOption(id="s", name="S", default=True), MenuOption(id="l", name="L", default=True))),
            f"{GROUP}.options",
        ),
        (group(options=(MenuOption(id="s", name="S"), MenuOption(id="s", name="S"))), f"{GROUP}.options.1.id"),
        (group(options=(MenuOption(id="pizza", name="S"),)), f"{GROUP}.options.0.id"),
        (group(options=(MenuOption(id="s", name="S", max_quantity=0),)), f"{GROUP}.options.0.max_quantity"),
        (group(options=(MenuOption(id="s", name="S", price=-901),)), f"{ITEM}.price"),
    ],
)
def test_what_cannot_be_sold_is_told_at_its_field(item: Item, path: str) -> None:
    """Each fault is told where it is."""
    assert path in paths(item)


def test_a_good_menu_has_no_errors_and_an_empty_one_does() -> None:
    """A menu without items is no menu."""
    assert paths(PIZZA) == []
    assert paths() == ["categories"]


def test_items_are_called_differently_and_options_may_be_shared() -> None:
    """Two items of one id are refused; the same option in two items is the same thing."""
    assert paths(PIZZA, PIZZA) == ["categories.0.items.1.id"]
    assert paths(PIZZA, change(PIZZA, id="calzone", name="Calzone")) == []


def test_the_cheapest_choice_takes_what_takes_off_and_no_more_than_it_must() -> None:
    """Reductions are taken as often as allowed, charges as seldom."""
    options = (
        MenuOption(id="a", name="A", price=-100, max_quantity=2),
        MenuOption(id="b", name="B", price=-50, max_quantity=5),
        MenuOption(id="c", name="C", price=10),
    )
    assert cheapest_choice(OptionGroup(id="g", name="G", min=0, max=3, options=options)) == -250
    assert cheapest_choice(OptionGroup(id="g", name="G", min=1, max=3, options=options[2:])) == 10
    assert cheapest_choice(OptionGroup(id="g", name="G", min=0, max=3, options=options[2:])) == 0


def test_attributes_obey_the_restaurants_own_schema() -> None:
    """A wrong attribute is told at its own field; with no schema, all are taken."""
    schema: dict[str, object] = {"properties": {"spice": {"type": "integer"}}, "required": ["spice"]}
    assert paths(change(PIZZA, attributes={"spice": "very"}), schema=schema) == [f"{ITEM}.attributes.spice"]
    assert paths(PIZZA, schema=schema) == [f"{ITEM}.attributes.spice"]
    assert paths(change(PIZZA, attributes={"spice": "very"})) == []


def test_schemas_fetch_nothing_and_are_checked_themselves() -> None:
    """A reference to elsewhere is an error, not a download; what is no schema is refused."""
    elsewhere = {"$ref": "https://example.org/schema.json"}
    (error,) = attribute_errors({}, elsewhere, "attributes")
    assert "not in it" in error.message
    assert [error.path for error in schema_errors({"item": {"type": 7}}, "s")] == ["s.item.type"]
    assert [error.path for error in schema_errors({"table": {}}, "s")] == ["s.table"]


def test_the_demo_restaurant_could_be_published_by_anyone() -> None:
    """At least 25 items with options, no fault, and each item can be ordered with one click."""
    restaurant = demo_restaurant(UUID(int=1))
    draft = MenuDraft(categories=restaurant.menu.categories)
    assert menu_errors(draft, part_of(ATTRIBUTES_SCHEMA, "item")) == []
    items = [item for category in draft.categories for item in category.items]
    assert len(items) >= 25
    assert sum(bool(item.option_groups) for item in items) >= 25


@pytest.mark.parametrize(
    ("trading", "path"),
    [
        (Trading(slot_minutes=7), "trading.slot_minutes"),
        (Trading(slot_minutes=0), "trading.slot_minutes"),
        (Trading(fulfilments=()), "trading.fulfilments"),
        (Trading(tax_basis_points=-1), "trading.tax_basis_points"),
        (Trading(days_ahead=1000), "trading.days_ahead"),
        (Trading(lead_minutes={"pickup": -1}), "trading.lead_minutes"),
        (Trading(hours=(Window(start="9", end="10:00"),)), "trading.hours.0.start"),
        (
            Trading(delivery_areas=(DeliveryArea(id="a", name="A", postcodes=("1*",), fee=-1),)),
            "trading.delivery_areas",
        ),
    ],
)
def test_settings_that_make_no_sense_are_told_at_their_field(trading: Trading, path: str) -> None:
    """A restaurant cannot be set up in a way in which it could not sell."""
    settings = Settings(name="R", timezone="Europe/Berlin", country="DE", locale="de", trading=trading)
    assert [error.path for error in settings_errors(settings)] == [path]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timezone", "Mars/Phobos"),
        ("timezone", "../../etc/passwd"),
        ("country", "de"),
        ("country", "1A"),
        ("locale", "x"),
        ("name", ""),
        ("attributes_schema", {"item": 3}),
    ],
)
def test_a_restaurants_own_data_is_checked(name: str, value: object) -> None:
    """Zones exist, countries are two letters, names can be read."""
    settings = Settings(name="R", timezone="Europe/Berlin", country="DE", locale="de")
    errors = settings_errors(msgspec.structs.replace(settings, **{name: value}))
    assert errors
    assert all(error.path.startswith(name) for error in errors)

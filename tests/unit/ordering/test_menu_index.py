"""Menus prepared for pricing, kept by restaurant."""

from uuid import UUID

import msgspec

from comanda.contexts.ordering.cart import Cart, CartLine
from comanda.contexts.ordering.menu_index import MenuIndex, MenuIndexes
from comanda.contracts.catalog import Category, Item, Menu, Restaurant, Trading

SOUP = Item(id="soup", name="Soup", price=500, daily_stock=10)
CAKE = Item(id="cake", name="Cake", price=300)
MENU = Menu(version=1, currency="EUR", categories=(Category(id="all", name="All", items=(SOUP, CAKE)),))


def restaurant(number: int, version: int = 1) -> Restaurant:
    """Return a restaurant with that version of the menu."""
    return Restaurant(
        id=UUID(int=number),
        slug=f"r{number}",
        name="R",
        currency="EUR",
        timezone="UTC",
        country="DE",
        locale="en",
        revision=1,
        trading=Trading(),
        menu=msgspec.structs.replace(MENU, version=version),
    )


def test_a_menu_is_indexed_once_per_version() -> None:
    """The same version gives the same index, a new version a new one."""
    indexes = MenuIndexes()
    first = indexes.of(restaurant(1))
    assert indexes.of(restaurant(1)) is first
    assert indexes.of(restaurant(1, version=2)).menu.version == 2
    assert indexes.of(restaurant(1)) is not first


def test_only_so_many_are_kept() -> None:
    """The one unused for longest goes."""
    indexes = MenuIndexes(limit=2)
    one = indexes.of(restaurant(1))
    two = indexes.of(restaurant(2))
    assert indexes.of(restaurant(1)) is one
    indexes.of(restaurant(3))
    assert indexes.of(restaurant(1)) is one
    assert indexes.of(restaurant(2)) is not two


def test_stock_is_wanted_for_limited_items_only_and_added_up() -> None:
    """Two lines of the same item need the sum of their quantities."""
    lines = (CartLine(item="soup", quantity=2), CartLine(item="cake", quantity=9), CartLine(item="soup", quantity=3))
    assert MenuIndex(MENU).stock_wanted(Cart(lines=lines)) == {"soup": (5, 10)}

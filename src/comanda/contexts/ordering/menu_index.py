"""A menu prepared for pricing: each item and option found by its id in one look-up.

Built once per published version and kept by `MenuIndexes`, for orders are priced thousands of times a second
and menus change a few times a day.
"""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from comanda.contexts.ordering.cart import Cart, CartOption
from comanda.contracts.catalog import Item, Menu, MenuOption, OptionGroup, Restaurant
from comanda.contracts.ordering import ChosenOption


@dataclass(frozen=True, slots=True)
class IndexedOption:
    """An option, its place in the item, and the frozen values shared by the carts and lines that hold one of it."""

    option: MenuOption
    group: int
    place: int
    alone: CartOption
    once: ChosenOption


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """An item with its options by id; `defaults` holds, group by group, the ids that an untouched group gets."""

    item: Item
    groups: tuple[OptionGroup, ...]
    options: dict[str, IndexedOption]
    defaults: tuple[tuple[str, ...], ...]


class MenuIndex:
    """A menu's items by id.

    Attributes:
        menu: the document.
        items: by item id.
        limited: ids of the items that have a daily stock.
        always: whether each item can be had at any time of the day.
    """

    __slots__ = ("always", "items", "limited", "menu")

    def __init__(self, menu: Menu) -> None:
        self.menu = menu
        self.items = {item.id: _indexed(item) for category in menu.categories for item in category.items}
        self.always = not any(indexed.item.availability for indexed in self.items.values())
        self.limited = frozenset(id_ for id_, indexed in self.items.items() if indexed.item.daily_stock is not None)

    def stock_wanted(self, cart: Cart) -> dict[str, tuple[int, int]]:
        """Return `(quantity, daily stock)` by item id for the items of a complete cart that have a daily stock."""
        wanted: dict[str, tuple[int, int]] = {}
        if not self.limited:
            return wanted
        for line in cart.lines:
            limit = self.items[line.item].item.daily_stock
            if limit is not None:
                before = wanted.get(line.item, (0, limit))[0]
                wanted[line.item] = (before + line.quantity, limit)
        return wanted


def _indexed(item: Item) -> IndexedItem:
    options: dict[str, IndexedOption] = {}
    for number, group in enumerate(item.option_groups):
        for option in group.options:
            once = ChosenOption(id=option.id, name=option.name, price=option.price)
            options[option.id] = IndexedOption(option, number, len(options), CartOption(id=option.id), once)
    defaults = tuple(tuple(option.id for option in group.options if option.default) for group in item.option_groups)
    return IndexedItem(item, item.option_groups, options, defaults)


class MenuIndexes:
    """The indexes of the menus that were asked for last.

    Args:
        limit: menus kept; beyond it the one unused for longest is dropped, and built anew when it is asked for.
    """

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._kept: OrderedDict[UUID, MenuIndex] = OrderedDict()

    def of(self, restaurant: Restaurant) -> MenuIndex:
        """Return the index of the restaurant's published menu."""
        kept = self._kept.get(restaurant.id)
        if kept is not None and (kept.menu is restaurant.menu or kept.menu.version == restaurant.menu.version):
            self._kept.move_to_end(restaurant.id)
            return kept
        built = self._kept[restaurant.id] = MenuIndex(restaurant.menu)
        self._kept.move_to_end(restaurant.id)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return built

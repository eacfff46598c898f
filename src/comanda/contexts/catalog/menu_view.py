"""The menu as guests and their programs see it: rendered once per revision, served as bytes."""

import hashlib
from collections import OrderedDict
from uuid import UUID

import msgspec

from comanda.contracts.catalog import Item, MenuOption, OptionGroup, Restaurant, Window

MAX_KEPT = 512
"""Rendered menus kept in memory; beyond it the one that was used longest ago is dropped."""


class OptionView(msgspec.Struct, frozen=True, kw_only=True):
    """A choice. `price` is added to the item's, in minor units, for each time it is chosen."""

    id: str
    name: str
    price: int
    max_quantity: int
    default: bool
    allergens: tuple[str, ...]
    sold_out: bool


class OptionGroupView(msgspec.Struct, frozen=True, kw_only=True):
    """Options of which a guest chooses between `min` and `max`; `required` when at least one."""

    id: str
    name: str
    min: int
    max: int
    required: bool
    options: list[OptionView]


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """Something to order. `price` in minor units, before options; `availability` empty means always."""

    id: str
    name: str
    price: int
    description: str
    allergens: tuple[str, ...]
    availability: tuple[Window, ...]
    photo: str | None
    sold_out: bool
    attributes: dict[str, object]
    option_groups: list[OptionGroupView]


class CategoryView(msgspec.Struct, frozen=True, kw_only=True):
    """A heading of the menu."""

    id: str
    name: str
    description: str
    items: list[ItemView]


class MenuView(msgspec.Struct, frozen=True, kw_only=True):
    """A published menu. All prices are in minor units of `currency`."""

    restaurant: str
    version: int
    currency: str
    categories: list[CategoryView]


class RenderedMenu(msgspec.Struct, frozen=True):
    """A menu as JSON, and the entity tag that changes with it."""

    body: bytes
    etag: str
    revision: int


def menu_view(restaurant: Restaurant) -> MenuView:
    """Return the view of the restaurant's published menu."""
    sold_out = restaurant.sold_out
    return MenuView(
        restaurant=restaurant.slug,
        version=restaurant.menu.version,
        currency=restaurant.menu.currency,
        categories=[
            CategoryView(
                id=category.id,
                name=category.name,
                description=category.description,
                items=[_item(item, sold_out) for item in category.items],
            )
            for category in restaurant.menu.categories
        ],
    )


def _item(item: Item, sold_out: frozenset[str]) -> ItemView:
    return ItemView(
        id=item.id,
        name=item.name,
        price=item.price,
        description=item.description,
        allergens=item.allergens,
        availability=item.availability,
        photo=item.photo,
        sold_out=item.id in sold_out,
        attributes=item.attributes,
        option_groups=[_group(group, sold_out) for group in item.option_groups],
    )


def _group(group: OptionGroup, sold_out: frozenset[str]) -> OptionGroupView:
    return OptionGroupView(
        id=group.id,
        name=group.name,
        min=group.min,
        max=group.max,
        required=group.min > 0,
        options=[_option(option, sold_out) for option in group.options],
    )


def _option(option: MenuOption, sold_out: frozenset[str]) -> OptionView:
    return OptionView(
        id=option.id,
        name=option.name,
        price=option.price,
        max_quantity=option.max_quantity,
        default=option.default,
        allergens=option.allergens,
        sold_out=option.id in sold_out,
    )


class MenuViews:
    """Rendered menus, by restaurant."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, RenderedMenu] = OrderedDict()

    def of(self, restaurant: Restaurant) -> RenderedMenu:
        """Return the menu as it is to be served."""
        kept = self._kept.get(restaurant.id)
        if kept is None or kept.revision != restaurant.revision:
            body = msgspec.json.encode(menu_view(restaurant))
            etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
            kept = self._kept[restaurant.id] = RenderedMenu(body, etag, restaurant.revision)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(restaurant.id)
        return kept

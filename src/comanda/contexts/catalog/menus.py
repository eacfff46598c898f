"""Whether a menu document can be published: pure rules, told field by field.

`categories.0.items.2.option_groups.0.options.1.price` is such a field. Whatever gets past here can be priced: every
required group can be filled, and no choice of options brings an item below nothing.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from comanda.contexts.catalog.hours import minutes_of
from comanda.contracts.attributes import attribute_errors
from comanda.contracts.catalog import Category, Item, MenuOption, OptionGroup, Window
from comanda.engine.errors import FieldError

MAX_CATEGORIES = 100
MAX_ITEMS = 2_000
MAX_GROUPS = 50
MAX_OPTIONS = 300
MAX_NAME = 200
MAX_DESCRIPTION = 2_000
MAX_PRICE = 10_000_000
MAX_TIMES = 99
MAX_STOCK = 1_000_000
MAX_ERRORS = 50

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class MenuDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A menu as staff write it: without version and currency, which are not theirs to choose."""

    categories: tuple[Category, ...] = ()


class _Errors:
    """Collects errors, `MAX_ERRORS` at most."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, path: str, message: str) -> None:
        if len(self.found) < MAX_ERRORS:
            self.found.append(FieldError(path, message))

    def expect(self, holds: bool, path: str, message: str) -> None:  # noqa: FBT001 - a condition, read as a sentence
        if not holds:
            self.add(path, message)


def menu_errors(draft: MenuDraft, item_schema: Mapping[str, object]) -> list[FieldError]:
    """Return what is wrong with a menu; nothing means that it can be published.

    Args:
        draft: the menu.
        item_schema: the restaurant's JSON Schema for its items' attributes; empty takes any.
    """
    errors = _Errors()
    errors.expect(len(draft.categories) <= MAX_CATEGORIES, "categories", f"At most {MAX_CATEGORIES} categories.")
    _unique((category.id for category in draft.categories), "categories", errors)
    items = [item for category in draft.categories for item in category.items]
    errors.expect(bool(items), "categories", "A menu needs at least one item.")
    errors.expect(len(items) <= MAX_ITEMS, "categories", f"At most {MAX_ITEMS} items.")
    item_ids = {item.id for item in items}
    seen: set[str] = set()
    for number, category in enumerate(draft.categories):
        path = f"categories.{number}"
        _named(category, path, errors)
        for place, item in enumerate(category.items):
            at = f"{path}.items.{place}"
            errors.expect(item.id not in seen, f"{at}.id", f"Another item is called {item.id} as well.")
            seen.add(item.id)
            _check_item(item, at, item_ids, errors)
            errors.found.extend(attribute_errors(item.attributes, item_schema, f"{at}.attributes"))
    return errors.found[:MAX_ERRORS]


def _named(thing: Category | Item | OptionGroup | MenuOption, path: str, errors: _Errors) -> None:
    errors.expect(
        ID.fullmatch(thing.id) is not None, f"{path}.id", "An id is up to 80 letters, digits, dots, hyphens, colons."
    )
    errors.expect(
        0 < len(thing.name.strip()) <= len(thing.name) <= MAX_NAME and not UNPRINTABLE.search(thing.name),
        f"{path}.name",
        f"A name has between 1 and {MAX_NAME} visible characters.",
    )


def _unique(ids: Iterable[str], path: str, errors: _Errors) -> None:
    seen: set[str] = set()
    for number, id_ in enumerate(ids):
        errors.expect(id_ not in seen, f"{path}.{number}.id", f"{id_} stands here twice.")
        seen.add(id_)


def _check_item(item: Item, path: str, item_ids: set[str], errors: _Errors) -> None:
    _named(item, path, errors)
    errors.expect(
        len(item.description) <= MAX_DESCRIPTION, f"{path}.description", f"At most {MAX_DESCRIPTION} characters."
    )
    errors.expect(0 <= item.price <= MAX_PRICE, f"{path}.price", f"A price is between 0 and {MAX_PRICE} minor units.")
    errors.expect(
        item.daily_stock is None or 0 <= item.daily_stock <= MAX_STOCK,
        f"{path}.daily_stock",
        f"A daily stock is between 0 and {MAX_STOCK}.",
    )
    errors.found.extend(window_errors(item.availability, f"{path}.availability"))
    groups = item.option_groups
    errors.expect(len(groups) <= MAX_GROUPS, f"{path}.option_groups", f"At most {MAX_GROUPS} groups.")
    _unique((group.id for group in groups), f"{path}.option_groups", errors)
    seen: set[str] = set()
    for number, group in enumerate(groups):
        at = f"{path}.option_groups.{number}"
        _check_group(group, at, errors)
        for place, option in enumerate(group.options):
            where = f"{at}.options.{place}.id"
            errors.expect(option.id not in seen, where, f"{item.name} has another option called {option.id}.")
            errors.expect(option.id not in item_ids, where, f"An item is called {option.id} as well.")
            seen.add(option.id)
    if all(group.min <= group.max for group in groups):
        cheapest = item.price + sum(cheapest_choice(group) for group in groups)
        errors.expect(cheapest >= 0, f"{path}.price", "With its cheapest options this would cost less than nothing.")


def _check_group(group: OptionGroup, path: str, errors: _Errors) -> None:
    _named(group, path, errors)
    errors.expect(0 < len(group.options) <= MAX_OPTIONS, f"{path}.options", f"Between 1 and {MAX_OPTIONS} options.")
    errors.expect(0 <= group.min <= group.max, f"{path}.min", "The fewest is at least 0, and not above the most.")
    room = sum(option.max_quantity for option in group.options)
    errors.expect(1 <= group.max <= MAX_TIMES, f"{path}.max", f"The most is between 1 and {MAX_TIMES}.")
    errors.expect(group.min <= room, f"{path}.min", "There are not enough options to choose that many.")
    defaults = sum(option.default for option in group.options)
    errors.expect(
        defaults == 0 or group.min <= defaults <= group.max,
        f"{path}.options",
        "The defaults must be a choice that a guest could make.",
    )
    for number, option in enumerate(group.options):
        at = f"{path}.options.{number}"
        _named(option, at, errors)
        errors.expect(abs(option.price) <= MAX_PRICE, f"{at}.price", f"At most {MAX_PRICE} minor units, up or down.")
        errors.expect(1 <= option.max_quantity <= MAX_TIMES, f"{at}.max_quantity", f"Between 1 and {MAX_TIMES}.")


def cheapest_choice(group: OptionGroup) -> int:
    """Return what the cheapest choice that the group allows adds to the price; below 0 where options take off."""
    total, chosen = 0, 0
    for option in sorted(group.options, key=lambda option: option.price):
        wanted = group.max if option.price < 0 else group.min
        times = max(0, min(option.max_quantity, wanted - chosen))
        total += option.price * times
        chosen += times
    return total


def window_errors(windows: tuple[Window, ...], path: str) -> list[FieldError]:
    """Return what is wrong with windows of the week."""
    errors = _Errors()
    for number, window in enumerate(windows):
        at = f"{path}.{number}"
        days = set(window.days)
        errors.expect(
            days <= set(range(1, 8)) and len(days) == len(window.days),
            f"{at}.days",
            "Days are numbers from 1, Monday, to 7, Sunday, each once.",
        )
        for name, time in (("start", window.start), ("end", window.end)):
            try:
                minutes_of(time)
            except ValueError:
                errors.add(f"{at}.{name}", "A time of day is written as 09:30, and the day's end as 24:00.")
        errors.expect(window.start != "24:00", f"{at}.start", "A day does not start at its end; write 00:00.")
    return errors.found

"""The menu that a file of orders must have been ordered from. Pure.

Each item at each unit price is an item of the menu; what was ever chosen with it is an option of it, at no price of
its own, for the price of the line contains it. A line whose price cannot be divided by its quantity becomes an item of
its own that is so many together.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from comanda.contracts.catalog import Category, Item, MenuOption, OptionGroup
from comanda.replay.file import FileLine, FileOrder

MAX_SLUG = 50
"""Characters of a name that go into an id."""

MOST_CHOSEN = 99
"""Options of one group that a menu lets a guest choose, at most."""


class Sold(NamedTuple):
    """What was sold at a unit price; sorts as the menu does."""

    name: str
    cents: int


class OrderedLine(NamedTuple):
    """A line in the menu's terms."""

    item: str
    quantity: int
    options: tuple[str, ...]


class DerivedMenu:
    """The menu of a file, and its orders in the menu's terms."""

    def __init__(self, orders: Iterable[FileOrder]) -> None:
        self._item_ids: dict[Sold, str] = {}
        self._option_ids: dict[str, str] = {}
        chosen: dict[Sold, dict[str, int]] = {}
        most: Counter[Sold] = Counter()
        for line in (line for order in orders for line in order.lines):
            sold, _ = _sold(line)
            times = chosen.setdefault(sold, {})
            for choice, count in Counter(line.choices).items():
                times[choice] = max(times.get(choice, 0), count)
            most[sold] = max(most[sold], len(line.choices))
        item_id, option_id = _namer(), _namer()
        for sold in sorted(chosen):
            self._item_ids[sold] = item_id(f"{_slug(sold.name)}-{sold.cents}")
        for choice in sorted({choice for times in chosen.values() for choice in times}):
            self._option_ids[choice] = option_id(f"choice.{_slug(choice)}")
        self.categories = (
            Category(
                id="menu",
                name="Menu",
                items=tuple(self._item(sold, chosen[sold], most[sold]) for sold in sorted(chosen)),
            ),
        )

    def lines(self, order: FileOrder) -> list[OrderedLine]:
        """Return an order's lines in the menu's terms."""
        lines = []
        for line in order.lines:
            sold, quantity = _sold(line)
            options = tuple(self._option_ids[choice] for choice in line.choices)
            lines.append(OrderedLine(self._item_ids[sold], quantity, options))
        return lines

    def _item(self, sold: Sold, times: dict[str, int], most: int) -> Item:
        options = tuple(
            MenuOption(id=self._option_ids[choice], name=choice, max_quantity=times[choice]) for choice in sorted(times)
        )
        groups = (OptionGroup(id="choices", name="Choices", max=min(most, MOST_CHOSEN), options=options),)
        return Item(id=self._item_ids[sold], name=sold.name, price=sold.cents, option_groups=groups if options else ())


def _sold(line: FileLine) -> tuple[Sold, int]:
    """Return what a line sold, and how often."""
    unit, rest = divmod(line.cents, line.quantity)
    if rest:
        return Sold(f"{line.quantity} times {line.name}", line.cents), 1
    return Sold(line.name, unit), line.quantity


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_SLUG] or "x"


def _namer() -> Callable[[str], str]:
    """Return a function that makes ids different: the second `soup` is `soup-2`."""
    taken: Counter[str] = Counter()

    def name(wanted: str) -> str:
        taken[wanted] += 1
        return wanted if taken[wanted] == 1 else f"{wanted}.{taken[wanted]}"

    return name


def count_items(categories: Sequence[Category]) -> int:
    """Return how many items a menu has."""
    return sum(len(category.items) for category in categories)

"""A file of orders: tab-separated lines as a shop's till has written them.

Columns: `order_id`, `quantity`, `item_name`, `choice_description` (nested brackets, `NULL` where there is none),
`item_price` (for the whole line, with a sign of the currency before it). Lines of one order follow each other or not.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from comanda.replay.errors import ReplayError

COLUMNS = ("order_id", "quantity", "item_name", "choice_description", "item_price")

PRICE = re.compile(r"\D?(\d+)(?:\.(\d{2}))?")

MAX_ORDERS = 1_000_000
"""Orders in a file, at most: they are held in memory."""


class FileLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order; `cents` is for all of its quantity."""

    name: str
    quantity: int
    choices: tuple[str, ...]
    cents: int


class FileOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of the file."""

    id: str
    lines: tuple[FileLine, ...]

    @property
    def cents(self) -> int:
        """What its lines add up to."""
        return sum(line.cents for line in self.lines)


def read_orders(path: Path) -> list[FileOrder]:
    """Return the orders of a file, in the order of their first lines. Raises `ReplayError`, naming the line."""
    orders: dict[str, list[FileLine]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for order_id, line in _lines(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)):
                orders.setdefault(order_id, []).append(line)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReplayError(f"{path} cannot be read: {error}") from error
    if not 0 < len(orders) <= MAX_ORDERS:
        raise ReplayError(f"{path} holds {len(orders)} orders; there must be between 1 and {MAX_ORDERS}.")
    return [FileOrder(id=order_id, lines=tuple(lines)) for order_id, lines in orders.items()]


def _lines(rows: "csv.DictReader[str]") -> Iterator[tuple[str, FileLine]]:
    missing = set(COLUMNS) - set(rows.fieldnames or ())
    if missing:
        raise ReplayError(f"The file has no column {min(missing)}; it needs {', '.join(COLUMNS)}.")
    for row in rows:
        try:
            yield row["order_id"].strip(), _line(row)
        except (ValueError, AttributeError) as error:
            raise ReplayError(f"Line {rows.line_num} of the file cannot be read: {error}") from error


def _line(row: dict[str, str]) -> FileLine:
    price = PRICE.fullmatch(row["item_price"].strip())
    if price is None:
        raise ValueError(f"{row['item_price']!r} is not a price.")
    quantity = int(row["quantity"]) if row["quantity"].strip().isdecimal() else 0
    name = " ".join(row["item_name"].split())
    if quantity < 1 or not name:
        raise ValueError("it needs a quantity of at least 1, and a name.")
    cents = int(price[1]) * 100 + int(price[2] or 0)
    return FileLine(name=name, quantity=quantity, choices=choices_of(row["choice_description"]), cents=cents)


def choices_of(description: str) -> tuple[str, ...]:
    """Return the choices named in nested brackets, in their order; none for `NULL`.

    Example:
        >>> choices_of("[Fresh Tomato Salsa (Mild), [Rice, Lettuce]]")
        ('Fresh Tomato Salsa (Mild)', 'Rice', 'Lettuce')
    """
    text = description.strip()
    if text in {"", "NULL"}:
        return ()
    return tuple(" ".join(part.split()) for part in re.split(r"[\[\],]", text) if part.strip())

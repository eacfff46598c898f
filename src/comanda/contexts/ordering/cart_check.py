"""Whether a cart can be ordered from a menu, and what it is once nothing is left open.

Pure. What is wrong is told field by field (`lines.0.options.1`), in sentences that a guest understands.
"""

from collections.abc import Callable

from comanda.contexts.ordering.cart import MAX_LINES, MAX_QUANTITY, Cart, CartLine, CartOption
from comanda.contexts.ordering.menu_index import IndexedItem, MenuIndex
from comanda.contracts.catalog import OptionGroup, Window
from comanda.engine.errors import FieldError

MAX_ERRORS = 20
"""Errors told at once, at most; whoever mends these hears the rest."""

NOTHING_SOLD_OUT: frozenset[str] = frozenset()


def check_cart(
    menu: MenuIndex,
    cart: Cart,
    *,
    sold_out: frozenset[str] = NOTHING_SOLD_OUT,
    covers: Callable[[tuple[Window, ...]], bool] | None = None,
) -> Cart | list[FieldError]:
    """Return the complete cart (see `Cart`), or what is wrong with it (never an empty list).

    Args:
        menu: the published menu.
        cart: what the guest sent.
        sold_out: ids of items and options that cannot be had now.
        covers: whether windows of the day contain the time for which the order is due; asked only for items that
            are not always to be had. None takes them as always to be had.
    """
    if not cart.lines:
        return [FieldError("lines", "Your cart is empty.")]
    if len(cart.lines) > MAX_LINES:
        return [FieldError("lines", f"An order can have at most {MAX_LINES} lines.")]
    errors: list[FieldError] = []
    lines: list[CartLine] = []
    for number, line in enumerate(cart.lines):
        if len(errors) >= MAX_ERRORS:
            break
        found = len(errors)
        path = f"lines.{number}"
        if not 1 <= line.quantity <= MAX_QUANTITY:
            errors.append(FieldError(f"{path}.quantity", f"Choose a quantity between 1 and {MAX_QUANTITY}."))
        indexed = menu.items.get(line.item)
        if indexed is None:
            errors.append(FieldError(f"{path}.item", "This is not on the menu."))
            continue
        item = indexed.item
        if line.item in sold_out:
            errors.append(FieldError(f"{path}.item", f"{item.name} is sold out."))
        elif item.availability and covers is not None and not covers(item.availability):
            errors.append(FieldError(f"{path}.item", f"{item.name} cannot be had at that time."))
        options = _complete_options(indexed, line.options, sold_out, f"{path}.options", errors)
        if len(errors) == found:
            unchanged = options == line.options
            lines.append(
                line if unchanged else CartLine(item=line.item, quantity=line.quantity, options=options, note=line.note)
            )
    return errors[:MAX_ERRORS] if errors else Cart(lines=tuple(lines))


def _complete_options(
    indexed: IndexedItem,
    asked: tuple[CartOption, ...],
    sold_out: frozenset[str],
    path: str,
    errors: list[FieldError],
) -> tuple[CartOption, ...]:
    """Return the options of a line, each once and in the menu's order, defaults filled in; adds to `errors`."""
    if not indexed.groups and not asked:
        return ()
    known = indexed.options
    quantities = _added_up(indexed, asked, sold_out, path, errors)
    per_group = [0] * len(indexed.groups)
    for id_, quantity in quantities.items():
        per_group[known[id_].group] += quantity
    for number, group in enumerate(indexed.groups):
        count = per_group[number]
        if count == 0:
            defaults = indexed.defaults[number]
            count = len(defaults)
            for id_ in defaults:
                quantities[id_] = 1
                if id_ in sold_out:
                    name = known[id_].option.name
                    errors.append(FieldError(path, f"{name} is sold out; choose another “{group.name}”."))
        if not group.min <= count <= group.max:
            errors.append(FieldError(path, _wrong_count(indexed.item.name, group)))
    complete = [known[id_].alone if n == 1 else CartOption(id=id_, quantity=n) for id_, n in quantities.items()]
    if len(complete) > 1:
        complete.sort(key=lambda option: known[option.id].place)
    return tuple(complete)


def _added_up(
    indexed: IndexedItem,
    asked: tuple[CartOption, ...],
    sold_out: frozenset[str],
    path: str,
    errors: list[FieldError],
) -> dict[str, int]:
    """Return how often each known option is asked for in all; adds to `errors`."""
    quantities: dict[str, int] = {}
    for number, wanted in enumerate(asked):
        found = indexed.options.get(wanted.id)
        if found is None:
            errors.append(FieldError(f"{path}.{number}", f"This cannot be chosen with {indexed.item.name}."))
            continue
        option = found.option
        quantity = quantities[wanted.id] = quantities.get(wanted.id, 0) + wanted.quantity
        if wanted.quantity < 1:
            errors.append(FieldError(f"{path}.{number}", f"Choose {option.name} at least once, or leave it out."))
        elif quantity > option.max_quantity:
            errors.append(FieldError(f"{path}.{number}", _too_often(option.name, option.max_quantity)))
        elif wanted.id in sold_out:
            errors.append(FieldError(f"{path}.{number}", f"{option.name} is sold out."))
    return quantities


def _too_often(name: str, limit: int) -> str:
    return f"{name} can be chosen only once." if limit == 1 else f"{name} can be chosen at most {limit} times."


def _wrong_count(item: str, group: OptionGroup) -> str:
    if group.min == group.max:
        return f"{item}: choose {group.min} of “{group.name}”."
    if group.min == 0:
        return f"{item}: choose at most {group.max} of “{group.name}”."
    return f"{item}: choose between {group.min} and {group.max} of “{group.name}”."

"""The form with which a guest puts one item into the cart: options as radios, boxes and counts. Pure."""

from comanda.contexts.ordering.cart import MAX_QUANTITY, Cart, CartLine, CartOption
from comanda.contexts.ordering.cart_check import check_cart
from comanda.contexts.ordering.menu_index import IndexedItem, MenuIndex
from comanda.contexts.ordering.texts import clean_text
from comanda.contracts.catalog import OptionGroup
from comanda.engine.errors import FieldError, Refused
from comanda.web.forms import Form

MAX_NOTE_LENGTH = 200


def group_field(group: OptionGroup) -> str:
    """Return the name of the field of a group of which at most one option is chosen, or of all its boxes."""
    return f"group.{group.id}"


def count_field(option_id: str) -> str:
    """Return the name of the field that says how often an option is wanted."""
    return f"count.{option_id}"


def line_of(form: Form, menu: MenuIndex, indexed: IndexedItem) -> CartLine | list[FieldError]:
    """Return the line that the form describes, complete, or what is wrong with it."""
    errors: list[FieldError] = []
    options: list[CartOption] = []
    for group in indexed.groups:
        chosen = form.every(group_field(group))
        for option in group.options:
            times = chosen.count(option.id) or _count(form, count_field(option.id), errors)
            if times:
                options.append(CartOption(id=option.id, quantity=times))
    quantity = _count(form, "quantity", errors, default=1)
    note = clean_text(form.one("note"), "note", errors)
    if len(note) > MAX_NOTE_LENGTH:
        errors.append(FieldError("note", f"Keep the note under {MAX_NOTE_LENGTH} characters."))
    line = CartLine(item=indexed.item.id, quantity=quantity, options=tuple(options), note=note)
    checked = check_cart(menu, Cart(lines=(line,)))
    if not isinstance(checked, Cart):
        errors.extend(checked)
    return errors or (checked.lines[0] if isinstance(checked, Cart) else errors)


def chosen_by(form: Form, indexed: IndexedItem) -> dict[str, int]:
    """Return how often each option is chosen in the form, to show it again."""
    ignored: list[FieldError] = []
    chosen: dict[str, int] = {}
    for group in indexed.groups:
        for option in group.options:
            times = form.every(group_field(group)).count(option.id)
            chosen[option.id] = times or _count(form, count_field(option.id), ignored)
    return chosen


def chosen_at_first(indexed: IndexedItem, line: CartLine | None) -> dict[str, int]:
    """Return how often each option is chosen before the guest does anything: as in the line, or the defaults."""
    if line is not None:
        return {option.id: option.quantity for option in line.options}
    return {option.id: 1 for group in indexed.groups for option in group.options if option.default}


def _count(form: Form, name: str, errors: list[FieldError], *, default: int = 0) -> int:
    try:
        count = form.integer(name, default)
    except Refused as refused:
        errors.extend(refused.fields)
        return default
    if not 0 <= count <= MAX_QUANTITY:
        errors.append(FieldError(name, f"Choose a number between 0 and {MAX_QUANTITY}."))
        return default
    return count

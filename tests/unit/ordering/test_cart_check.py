"""Carts: what is wrong is told by field, what is right comes back complete."""

import pytest

from comanda.contexts.ordering.cart import Cart, CartLine, CartOption
from comanda.contexts.ordering.cart_check import check_cart
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contracts.catalog import Category, Item, Menu, MenuOption, OptionGroup, Window

SIZE = OptionGroup(
    id="size",
    name="Size",
    min=1,
    max=1,
    options=(MenuOption(id="small", name="Small", default=True), MenuOption(id="large", name="Large", price=300)),
)
DIP = OptionGroup(id="dip", name="Dip", min=1, max=2, options=(MenuOption(id="aioli", name="Aioli", max_quantity=2),))
EXTRAS = OptionGroup(
    id="extras",
    name="Extras",
    max=3,
    options=(MenuOption(id="ham", name="Ham", max_quantity=3), MenuOption(id="egg", name="Egg")),
)
PIZZA = Item(id="pizza", name="Pizza", price=1000, option_groups=(SIZE, EXTRAS))
FRIES = Item(id="fries", name="Fries", price=400, option_groups=(DIP,))
BRUNCH = Item(id="brunch", name="Brunch", price=900, availability=(Window(start="09:00", end="12:00"),))
MENU = MenuIndex(
    Menu(version=1, currency="EUR", categories=(Category(id="all", name="All", items=(PIZZA, FRIES, BRUNCH)),))
)


def line(item: str, *options: str, quantity: int = 1) -> CartLine:
    """Return a line with these options, each once."""
    return CartLine(item=item, quantity=quantity, options=tuple(CartOption(id=option) for option in options))


def paths(*lines: CartLine, sold_out: frozenset[str] = frozenset()) -> list[str]:
    """Return the paths of what is wrong with a cart of these lines."""
    result = check_cart(MENU, Cart(lines=lines), sold_out=sold_out)
    return [] if isinstance(result, Cart) else [error.path for error in result]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (line("soup"), "lines.0.item"),
        (line("pizza", quantity=0), "lines.0.quantity"),
        (line("pizza", quantity=100), "lines.0.quantity"),
        (line("pizza", quantity=-1), "lines.0.quantity"),
        (line("pizza", quantity=10**9), "lines.0.quantity"),
        (line("pizza", "small", "aioli"), "lines.0.options.1"),
        (line("pizza", "nothing"), "lines.0.options.0"),
        (line("pizza", "small", "large"), "lines.0.options"),
        (line("pizza", "egg", "egg"), "lines.0.options.1"),
        (line("pizza", "ham", "ham", "ham", "egg"), "lines.0.options"),
        (line("fries"), "lines.0.options"),
        (CartLine(item="fries", options=(CartOption(id="aioli", quantity=3),)), "lines.0.options.0"),
        (CartLine(item="fries", options=(CartOption(id="aioli", quantity=0),)), "lines.0.options.0"),
        (CartLine(item="fries", options=(CartOption(id="aioli", quantity=-1),)), "lines.0.options.0"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(wrong: CartLine, path: str) -> None:
    """Each fault is told at the field that a guest would mend."""
    assert path in paths(wrong)
    assert all(found.startswith("lines.1") for found in paths(line("pizza"), wrong))


def test_an_empty_cart_and_an_endless_one() -> None:
    """A cart has between 1 and 50 lines."""
    assert paths() == ["lines"]
    assert paths(*[line("pizza")] * 50) == []
    assert paths(*[line("pizza")] * 51) == ["lines"]


def test_few_errors_are_told_at_once() -> None:
    """However much is wrong, the answer stays short."""
    many = CartLine(item="pizza", options=tuple(CartOption(id=f"x{n}") for n in range(1000)))
    assert len(paths(many)) == 20


def test_defaults_fill_groups_that_were_left_alone() -> None:
    """An untouched group gets its default, a touched one does not."""
    complete = check_cart(MENU, Cart(lines=(line("pizza", "ham"), line("pizza", "large"))))
    assert isinstance(complete, Cart)
    assert [[option.id for option in found.options] for found in complete.lines] == [["small", "ham"], ["large"]]


def test_options_come_back_once_and_in_the_order_of_the_menu() -> None:
    """The same choice, however it is written, is the same line."""
    spelled = line("pizza", "ham", "large", "ham")
    counted = CartLine(item="pizza", options=(CartOption(id="large"), CartOption(id="ham", quantity=2)))
    assert check_cart(MENU, Cart(lines=(spelled,))) == check_cart(MENU, Cart(lines=(counted,)))


def test_a_complete_cart_stays_as_it_is() -> None:
    """Checking what was checked changes nothing."""
    complete = check_cart(MENU, Cart(lines=(line("pizza", "ham", "ham"), line("fries", "aioli"))))
    assert isinstance(complete, Cart)
    assert check_cart(MENU, complete) == complete


def test_sold_out_items_options_and_defaults_are_refused() -> None:
    """What is sold out cannot be ordered, not even as a default that nobody chose."""
    assert paths(line("pizza"), sold_out=frozenset({"pizza"})) == ["lines.0.item"]
    assert paths(line("pizza", "small", "ham"), sold_out=frozenset({"ham"})) == ["lines.0.options.1"]
    assert paths(line("pizza"), sold_out=frozenset({"small"})) == ["lines.0.options"]
    assert paths(line("pizza", "large"), sold_out=frozenset({"small"})) == []


def test_items_of_the_day_are_asked_for_by_their_windows() -> None:
    """An item with windows is refused when they do not cover the time, others are not asked about."""
    cart = Cart(lines=(line("pizza"), line("brunch")))
    assert isinstance(check_cart(MENU, cart, covers=lambda windows: windows == BRUNCH.availability), Cart)
    refused = check_cart(MENU, cart, covers=lambda _: False)
    assert isinstance(refused, list)
    assert [error.path for error in refused] == ["lines.1.item"]

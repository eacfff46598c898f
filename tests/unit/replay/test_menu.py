from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.catalog.menus import MenuDraft, menu_errors
from comanda.contexts.ordering.cart import Cart, CartLine, CartOption
from comanda.contexts.ordering.cart_check import check_cart
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contracts.catalog import Menu
from comanda.replay.file import FileLine, FileOrder, read_orders
from comanda.replay.menu import DerivedMenu

NAMES = ("Soup", "soup", "Soup!", "Bun", "Chips & Dip")
CHOICES = ("Rice", "rice", "Salsa (Mild)", "Salsa (Hot)")

lines = st.builds(
    FileLine,
    name=st.sampled_from(NAMES),
    quantity=st.integers(1, 9),
    choices=st.lists(st.sampled_from(CHOICES), max_size=6).map(tuple),
    cents=st.integers(0, 5000),
)
files = st.lists(st.lists(lines, min_size=1, max_size=5).map(tuple), min_size=1, max_size=8).map(
    lambda orders: [FileOrder(id=str(number), lines=order) for number, order in enumerate(orders)]
)


def _holds(orders: list[FileOrder]) -> None:
    """Check that the menu can be published, and every order be ordered from it for just its price."""
    derived = DerivedMenu(orders)
    assert menu_errors(MenuDraft(categories=derived.categories), {}) == []
    menu = MenuIndex(Menu(version=1, currency="USD", categories=derived.categories))
    prices = {item.id: item.price for category in derived.categories for item in category.items}
    for order in orders:
        ordered = derived.lines(order)
        cart = Cart(
            lines=tuple(
                CartLine(
                    item=line.item, quantity=line.quantity, options=tuple(CartOption(id=id_) for id_ in line.options)
                )
                for line in ordered
            )
        )
        assert isinstance(check_cart(menu, cart), Cart)
        assert sum(prices[line.item] * line.quantity for line in ordered) == order.cents


@given(files)
def test_every_order_can_be_ordered_from_the_derived_menu_for_its_price(orders: list[FileOrder]) -> None:
    """Names that look alike, choices named twice and prices that cannot be divided: the menu has it all."""
    _holds(orders)


def test_the_real_file_has_a_menu(shared_data: Path) -> None:
    """The thousand real orders can all be ordered from the menu that they give."""
    _holds(read_orders(shared_data / "orders.tsv"))

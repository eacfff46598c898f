"""The cart between pages: edits, the cookie that carries it, the form that fills it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.ordering.cart import MAX_LINES, MAX_QUANTITY, Cart, CartLine, CartOption
from comanda.contexts.ordering.cart_cookie import MAX_TOKEN_LENGTH, CartCookies
from comanda.contexts.ordering.cart_edits import priced, still_on_the_menu, with_line, with_quantity
from comanda.contexts.ordering.item_form import chosen_at_first, chosen_by, line_of
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contracts.catalog import Category, Item, Menu, MenuOption, OptionGroup
from comanda.engine.errors import Refused
from comanda.engine.idempotency import Seals
from comanda.web.forms import Form

SIZE = OptionGroup(
    id="size",
    name="Size",
    min=1,
    options=(MenuOption(id="small", name="Small", default=True), MenuOption(id="large", name="Large", price=300)),
)
SIDE = OptionGroup(id="side", name="Side", options=(MenuOption(id="bread", name="Bread", price=100),))
DIPS = OptionGroup(
    id="dips",
    name="Dips",
    max=3,
    options=(MenuOption(id="aioli", name="Alioli", price=50, max_quantity=2), MenuOption(id="oil", name="Oil")),
)
SOUP = Item(id="soup", name="Soup", price=500)
PIZZA = Item(id="pizza", name="Pizza", price=900, option_groups=(SIZE, SIDE, DIPS))
MENU = MenuIndex(Menu(version=1, currency="EUR", categories=(Category(id="all", name="All", items=(SOUP, PIZZA)),)))

SECRET = b"a secret of thirty-two bytes, or more"
COOKIES = CartCookies(Seals(SECRET), secure=True)
ONE_SOUP = CartLine(item="soup")


def carts() -> st.SearchStrategy[Cart]:
    """Carts of any words and numbers."""
    line = st.builds(
        CartLine,
        item=st.text(max_size=10),
        quantity=st.integers(1, MAX_QUANTITY),
        options=st.lists(st.builds(CartOption, id=st.text(max_size=10)), max_size=3).map(tuple),
        note=st.text(st.characters(codec="utf-8"), max_size=20),
    )
    return st.lists(line, max_size=5).map(lambda lines: Cart(lines=tuple(lines)))


@given(carts())
def test_a_sealed_cart_comes_back_as_it_went(cart: Cart) -> None:
    """Whatever is in it, and only for the restaurant for which it was sealed."""
    token = COOKIES.seal(cart, "demo")
    assert COOKIES.open(token, "demo") == cart
    assert COOKIES.open(token, "other").lines == ()


def test_a_forged_or_foreign_cart_is_an_empty_one() -> None:
    """What we did not write, or wrote for another purpose, or in another form, is nothing; never an error."""
    token = COOKIES.seal(Cart(lines=(ONE_SOUP,)), "demo")
    seals = Seals(SECRET)
    old = seals.token("cart", b"not compressed", bound_to=b"demo")
    for bad in ("", "x", "é", token[:-2], token + "A", old, seals.token("csrf", b"", bound_to=b"demo")):
        assert COOKIES.open(bad, "demo") == Cart()


def test_a_cart_that_no_cookie_can_hold_is_refused() -> None:
    """A guest is told before the browser drops the cookie."""
    notes = (hashlib.sha512(str(number).encode()).hexdigest() for number in range(MAX_LINES))
    with pytest.raises(Refused, match="full"):
        COOKIES.seal(Cart(lines=tuple(CartLine(item="soup", note=note) for note in notes)), "demo")
    assert len(COOKIES.seal(Cart(lines=(ONE_SOUP,) * MAX_LINES), "demo")) < MAX_TOKEN_LENGTH


def test_the_cookie_is_the_restaurants_and_an_empty_one_is_forgotten() -> None:
    """Its path is the restaurant's; it is for the browser alone; emptied, it goes."""
    kept = COOKIES.write(Cart(lines=(ONE_SOUP,)), "demo")["Set-Cookie"]
    assert all(part in kept for part in ("Path=/r/demo", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=604800"))
    assert "Max-Age=0" in COOKIES.write(Cart(), "demo")["Set-Cookie"]


def test_the_same_line_twice_becomes_one() -> None:
    """Quantities add up to the limit; another note is another line."""
    cart = with_line(with_line(Cart(), ONE_SOUP), CartLine(item="soup", quantity=98))
    assert [line.quantity for line in with_line(cart, ONE_SOUP).lines] == [MAX_QUANTITY]
    assert len(with_line(cart, CartLine(item="soup", note="hot")).lines) == 2


def test_a_changed_line_keeps_its_place() -> None:
    """Changing the first line's note leaves it the first; changing it into the second merges them."""
    cart = Cart(lines=(ONE_SOUP, CartLine(item="pizza")))
    changed = with_line(cart, CartLine(item="soup", note="hot"), instead_of=0)
    assert [line.item for line in changed.lines] == ["soup", "pizza"]
    merged = with_line(changed, CartLine(item="pizza"), instead_of=0)
    assert [(line.item, line.quantity) for line in merged.lines] == [("pizza", 2)]


def test_a_full_cart_takes_no_more_lines() -> None:
    """The limit is told, and what is in the cart can still grow."""
    cart = Cart(lines=tuple(CartLine(item="soup", note=str(number)) for number in range(MAX_LINES)))
    with pytest.raises(Refused, match="full"):
        with_line(cart, ONE_SOUP)
    assert with_line(cart, CartLine(item="soup", note="7")).lines[7].quantity == 2


@pytest.mark.parametrize(
    ("place", "item", "quantity", "left"),
    [(0, "soup", 3, [3, 1]), (0, "soup", 0, [1]), (0, "soup", -5, [1]), (0, "pizza", 3, [1, 1]), (9, "soup", 3, [1, 1]),
     (1, "pizza", 10**9, [1, 99])],
)  # fmt: skip
def test_quantities_change_only_the_line_that_was_seen(place: int, item: str, quantity: int, left: list[int]) -> None:
    """A stale page that names another item changes nothing; none takes the line out; there is a most."""
    cart = Cart(lines=(ONE_SOUP, CartLine(item="pizza")))
    assert [line.quantity for line in with_quantity(cart, place, item, quantity).lines] == left


def test_what_left_the_menu_leaves_the_cart() -> None:
    """Unknown items and options go; what stays is complete and has a price."""
    gone = (CartLine(item="stew"), CartLine(item="soup", options=(CartOption(id="large"),)))
    cart = still_on_the_menu(MENU, Cart(lines=(*gone, CartLine(item="pizza", quantity=2))))
    assert [(line.name, line.total, [o.id for o in line.options]) for line in priced(MENU, cart)] == [
        ("Pizza", 1800, ["small"])
    ]


def test_the_form_of_an_item_becomes_a_line() -> None:
    """Radios, boxes and counts are options; an untouched group has its default; texts are tidied."""
    form = Form(
        [("group.size", "large"), ("group.side", ""), ("count.aioli", "2"), ("group.dips", "oil"), ("quantity", "3"),
         ("note", " well  done ")]
    )  # fmt: skip
    line = line_of(form, MENU, MENU.items["pizza"])
    assert isinstance(line, CartLine)
    assert [(o.id, o.quantity) for o in line.options] == [("large", 1), ("aioli", 2), ("oil", 1)]
    assert (line.quantity, line.note) == (3, "well done")
    untouched = line_of(Form(), MENU, MENU.items["pizza"])
    assert isinstance(untouched, CartLine)
    assert [o.id for o in untouched.options] == ["small"]
    assert chosen_by(form, MENU.items["pizza"])["aioli"] == 2
    assert chosen_at_first(MENU.items["pizza"], None) == {"small": 1}
    assert chosen_at_first(MENU.items["pizza"], line)["large"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        [("group.size", "small"), ("group.size", "large")],
        [("count.aioli", "3")],
        [("count.aioli", "2"), ("group.dips", "oil"), ("group.dips", "oil")],
        [("count.aioli", "x")],
        [("quantity", "0")],
        [("quantity", "1000000000")],
        [("note", "a\u202eb")],
        [("note", "x" * 201)],
    ],
)
def test_a_wrong_choice_is_told(fields: list[tuple[str, str]]) -> None:
    """Too many, too often, no number, too long, invisible: each has a sentence."""
    errors = line_of(Form(fields), MENU, MENU.items["pizza"])
    assert isinstance(errors, list)
    assert all(error.message for error in errors)


@given(st.lists(st.tuples(st.sampled_from(["group.size", "count.aioli", "quantity", "note"]), st.text()), max_size=6))
def test_whatever_is_posted_is_a_line_or_sentences(fields: list[tuple[str, str]]) -> None:
    """No form makes an error other than those that are told."""
    found = line_of(Form(fields), MENU, MENU.items["pizza"])
    assert isinstance(found, CartLine) or found
    chosen_by(Form(fields), MENU.items["pizza"])

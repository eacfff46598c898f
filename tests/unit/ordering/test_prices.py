"""Prices: parts add up, nothing is negative, rounding is as stated."""

from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.ordering.cart import Cart, CartLine, CartOption
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.contexts.ordering.prices import quote, rounded_half_up
from comanda.contracts.catalog import Category, DeliveryArea, Item, Menu, MenuOption, OptionGroup, Trading
from comanda.contracts.promotions import Coupon

ID = UUID(int=1)
PIZZA = Item(
    id="pizza",
    name="Pizza",
    price=1000,
    option_groups=(
        OptionGroup(
            id="extras",
            name="Extras",
            max=9,
            options=(
                MenuOption(id="ham", name="Ham", price=150, max_quantity=3),
                MenuOption(id="small", name="Small", price=-300),
            ),
        ),
    ),
)
COLA = Item(id="cola", name="Cola", price=333)
MENU = MenuIndex(Menu(version=1, currency="EUR", categories=(Category(id="all", name="All", items=(PIZZA, COLA)),)))

OPTIONS = st.lists(
    st.builds(CartOption, id=st.sampled_from(["ham", "small"]), quantity=st.integers(1, 5)),
    max_size=2,
    unique_by=lambda option: option.id,
).map(tuple)
LINES = st.one_of(
    st.builds(CartLine, item=st.just("pizza"), quantity=st.integers(1, 99), options=OPTIONS),
    st.builds(CartLine, item=st.just("cola"), quantity=st.integers(1, 99)),
)
CARTS = st.lists(LINES, min_size=1, max_size=8).map(lambda lines: Cart(lines=tuple(lines)))
TRADINGS = st.builds(Trading, tax_basis_points=st.integers(0, 3000), tax_included=st.booleans())
COUPONS = st.builds(
    Coupon,
    id=st.just(ID),
    restaurant_id=st.just(ID),
    code=st.just("C"),
    kind=st.sampled_from(["percentage", "amount", "free_item"]),
    value=st.integers(0, 20_000),
    item_id=st.sampled_from(["pizza", "cola", "gone", None]),
    minimum=st.integers(0, 5000),
)
AREAS = st.none() | st.builds(
    DeliveryArea, id=st.just("a"), name=st.just("A"), postcodes=st.just(("1*",)), fee=st.integers(0, 900)
)
TIPS = st.integers(0, 5000)


def coupon(**terms: object) -> Coupon:
    """Return a coupon with these terms."""
    return Coupon(id=ID, restaurant_id=ID, code="C", **terms)  # type: ignore[arg-type]


@given(CARTS, TRADINGS, st.none() | COUPONS, AREAS, TIPS)
def test_parts_add_up_and_none_is_negative(
    cart: Cart, trading: Trading, used: Coupon | None, area: DeliveryArea | None, tip: int
) -> None:
    """The total is exactly its parts, and no part is below zero."""
    result = quote(MENU, cart, trading=trading, coupon=used, fulfilment="delivery", area=area, tip=tip)
    assert result.total == result.items - result.discount + result.tax_added + result.fee + result.tip
    assert result.items == sum(line.total for line in result.lines)
    assert all(line.total == line.unit_price * line.quantity for line in result.lines)
    parts = (result.items, result.discount, result.tax, result.tax_added, result.fee, result.tip, result.total)
    assert min(parts) >= 0
    assert result.discount <= result.items
    assert result.tax_added == (0 if trading.tax_included else result.tax)


@given(st.data(), CARTS, TRADINGS, COUPONS, TIPS)
def test_order_of_lines_is_irrelevant(
    data: st.DataObject, cart: Cart, trading: Trading, used: Coupon, tip: int
) -> None:
    """Shuffled lines cost the same, in every part."""
    shuffled = Cart(lines=tuple(data.draw(st.permutations(cart.lines))))
    one = quote(MENU, cart, trading=trading, coupon=used, tip=tip)
    other = quote(MENU, shuffled, trading=trading, coupon=used, tip=tip)
    assert (one.items, one.discount, one.tax, one.total) == (other.items, other.discount, other.tax, other.total)


@given(CARTS, TRADINGS, COUPONS, AREAS, TIPS)
def test_a_coupon_never_raises_a_price(
    cart: Cart, trading: Trading, used: Coupon, area: DeliveryArea | None, tip: int
) -> None:
    """The same cart with a coupon costs at most what it costs without."""
    without = quote(MENU, cart, trading=trading, fulfilment="delivery", area=area, tip=tip)
    with_it = quote(MENU, cart, trading=trading, coupon=used, fulfilment="delivery", area=area, tip=tip)
    assert with_it.total <= without.total


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_rounding_is_half_up_and_off_by_at_most_a_half(numerator: int, denominator: int) -> None:
    """What is rounded lies within (-1/2, +1/2] of the exact fraction."""
    error = rounded_half_up(numerator, denominator) - Fraction(numerator, denominator)
    assert Fraction(-1, 2) < error <= Fraction(1, 2)


@given(CARTS, st.integers(0, 3000))
def test_tax_is_rounded_once_on_the_whole_sum(cart: Cart, rate: int) -> None:
    """Added tax is within half a minor unit of the exact tax, however many lines there are."""
    result = quote(MENU, cart, trading=Trading(tax_basis_points=rate, tax_included=False))
    assert abs(result.tax - Fraction(result.items * rate, 10_000)) <= Fraction(1, 2)


CART = Cart(
    lines=(
        CartLine(item="pizza", options=(CartOption(id="ham", quantity=2),)),
        CartLine(item="pizza", quantity=2),
        CartLine(item="cola"),
    )
)
"""1300 + 2 * 1000 + 333 = 3633."""


@pytest.mark.parametrize(
    ("used", "discount"),
    [
        (coupon(kind="percentage", value=1000), 363),
        (coupon(kind="percentage", value=500), 182),
        (coupon(kind="percentage", value=10_000), 3633),
        (coupon(kind="percentage", value=20_000), 3633),
        (coupon(kind="amount", value=500), 500),
        (coupon(kind="amount", value=99_999), 3633),
        (coupon(kind="free_item", item_id="pizza"), 1000),
        (coupon(kind="free_item", item_id="cola"), 333),
        (coupon(kind="free_item", item_id="soup"), 0),
        (coupon(kind="amount", value=500, minimum=3633), 500),
        (coupon(kind="amount", value=500, minimum=3634), 0),
    ],
)
def test_each_kind_of_coupon_takes_off_what_it_says(used: Coupon, discount: int) -> None:
    """Percentages round half up, amounts stop at the sum, a free item is its cheapest unit, a minimum is inclusive."""
    assert quote(MENU, CART, trading=Trading(), coupon=used).discount == discount


def test_tax_in_and_on_top() -> None:
    """Tax within a price leaves the total alone; tax on top is added, also on the delivery fee, not on the tip."""
    area = DeliveryArea(id="a", name="A", postcodes=("1*",), fee=367)
    inside = quote(MENU, CART, trading=Trading(tax_basis_points=700), fulfilment="delivery", area=area, tip=100)
    assert (inside.tax, inside.tax_added, inside.total) == (262, 0, 4100)
    on_top = quote(
        MENU,
        CART,
        trading=Trading(tax_basis_points=700, tax_included=False),
        fulfilment="delivery",
        area=area,
        tip=100,
    )
    assert (on_top.tax, on_top.tax_added, on_top.total) == (280, 280, 4380)


def test_only_delivery_costs_a_fee() -> None:
    """Who picks up pays no fee, whatever area the address lies in."""
    area = DeliveryArea(id="a", name="A", postcodes=("1*",), fee=367)
    assert quote(MENU, CART, trading=Trading(), fulfilment="pickup", area=area).fee == 0


def test_a_negative_tip_is_a_fault_of_the_caller() -> None:
    """A negative tip never becomes a discount."""
    with pytest.raises(ValueError, match="never negative"):
        quote(MENU, CART, trading=Trading(), tip=-1)

"""The same meal for the same guest has the same hash, and any other has another."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.cart_check import check_cart
from comanda.contexts.ordering.form import CleanForm, PlaceOrder, clean_form
from comanda.contexts.ordering.form_hash import form_hash
from comanda.contexts.ordering.menu_index import MenuIndex
from comanda.engine.idempotency import Seals
from tests.fakes.shop import MENU, SECRET, SLUG, order_form

INDEX = MenuIndex(MENU)
SEALS = Seals(SECRET)


def hash_of(form: dict[str, Any]) -> bytes:
    """Return the hash of a form as the intake computes it."""
    clean = clean_form(msgspec.convert(form, PlaceOrder, strict=False), country="IT", schema={})
    assert isinstance(clean, CleanForm), clean
    cart = check_cart(INDEX, clean.cart)
    assert isinstance(cart, Cart), cart
    return form_hash(SEALS, SLUG, clean, cart)


BASE = hash_of(order_form())
NOON = datetime(2025, 6, 3, 12, 0, tzinfo=UTC)


def customer(**changes: str) -> dict[str, str]:
    """Return the guest of the good form, with changes."""
    return {**order_form()["customer"], **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": customer(name="  ann   LEE ")},
        {"customer": customer(name="Ann Lee")},
        {"customer": customer(email=" ANN@Example.COM")},
        {"customer": customer(phone="06 6982-1234")},
        {"lines": [{"item": "margherita"}, {"item": "margherita", "options": ["small"]}]},
        {"expected_total": 1800},
        {"confirm": "whatever"},
        {"payment": {"method": "4242424242424242"}},
        {"coupon": ""},
        {"fulfilment": {"type": "pickup", "table": "7"}},
    ],
    ids=repr,
)
def test_the_same_meal_in_other_words_has_the_same_hash(changes: dict[str, Any]) -> None:
    """Spelling, order, defaults, tokens, the way of paying and what was shown make no difference."""
    assert hash_of(order_form(**changes)) == BASE


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": customer(name="Bea Lee")},
        {"customer": customer(email="ann+1@example.com")},
        {"customer": customer(phone="+39 06 6982 1235")},
        {"customer": customer(phone="")},
        {"lines": [{"item": "margherita", "quantity": 3}]},
        {"lines": [{"item": "margherita", "quantity": 2, "options": ["large"]}]},
        {"lines": [{"item": "margherita", "quantity": 2, "note": "well done"}]},
        {"tip": 1},
        {"note": "ring twice"},
        {"coupon": "SOMETHING"},
        {"fulfilment": {"type": "dine_in", "table": "7"}},
        {"fulfilment": {"type": "pickup", "at": NOON}},
    ],
    ids=repr,
)
def test_another_meal_has_another_hash(changes: dict[str, Any]) -> None:
    """Whatever the guest would get differently counts."""
    assert hash_of(order_form(**changes)) != BASE


def test_a_time_is_the_same_in_any_zone() -> None:
    """The slot is an instant, however it is written."""
    rome = NOON.astimezone(timezone(timedelta(hours=2)))
    forms = [order_form(fulfilment={"type": "pickup", "at": at}) for at in (NOON, rome)]
    assert hash_of(forms[0]) == hash_of(forms[1])


@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(["margherita", "special"]), st.integers(1, 9), st.sampled_from(["", "crisp", "no basil"])
        ),
        min_size=1,
        max_size=8,
    ),
    data=st.data(),
)
def test_the_order_of_lines_and_their_splitting_make_no_difference(
    lines: list[tuple[str, int, str]], data: st.DataObject
) -> None:
    """Any shuffle of the lines, each split in any way, is the same meal."""
    whole = [{"item": item, "quantity": quantity, "note": note} for item, quantity, note in lines]
    split = []
    for item, quantity, note in lines:
        first = data.draw(st.integers(0, quantity))
        split += [{"item": item, "quantity": part, "note": note} for part in (first, quantity - first) if part]
    shuffled = data.draw(st.permutations(split))
    assert hash_of(order_form(lines=whole)) == hash_of(order_form(lines=list(shuffled)))


def test_another_installations_hash_says_nothing() -> None:
    """The hash is keyed: without the secret nobody can tell what a guest ordered."""
    other = Seals(b"another secret of thirty-two bytes")
    clean = clean_form(msgspec.convert(order_form(), PlaceOrder), country="IT", schema={})
    assert isinstance(clean, CleanForm)
    cart = check_cart(INDEX, clean.cart)
    assert isinstance(cart, Cart)
    assert form_hash(other, SLUG, clean, cart) != BASE

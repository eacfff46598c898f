"""The checkout's form: what was typed, and the order that it means."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.ordering.cart import Cart, CartLine, CartOption
from comanda.contexts.ordering.checkout_form import FIELDS, Typed, amount_typed, order_meant, tip_of, told, typed
from comanda.contexts.ordering.form import MAX_AMOUNT, PlaceOrder
from comanda.contexts.ordering.order_pages import LAST, READY_WORDS, WAY, steps
from comanda.contexts.ordering.staff_pages import OUTCOMES, STATUS_KINDS
from comanda.contexts.ordering.states import STATUSES
from comanda.contracts.catalog import FulfilmentType
from comanda.engine.errors import FieldError
from comanda.web.forms import Form
from tests.fakes.order_views import view

CART = Cart(lines=(CartLine(item="pizza", quantity=2, options=(CartOption(id="aioli", quantity=2),), note="hot"),))
TYPED = Typed(attempt="a", cart="c", fulfilment="pickup", name="Ann", email="ann@example.com", expected_total="2000")


def meant(**changes: str) -> PlaceOrder | list[FieldError]:
    """Return the order that the form means, with changes."""
    return order_meant(msgspec.structs.replace(TYPED, **changes), "demo", CART, currency="EUR", items=2000)


def test_the_form_means_the_same_as_the_apis() -> None:
    """Lines, options by their number, tip in percent, what was expected: all arrive."""
    order = meant(tip="10", coupon=" welcome10", note="ring", card="pm_card_visa", confirm="t")
    assert isinstance(order, PlaceOrder)
    assert (order.restaurant, order.tip, order.expected_total, order.confirm) == ("demo", 200, 2000, "t")
    assert (order.lines[0].options, order.lines[0].quantity) == (["aioli", "aioli"], 2)
    assert (order.fulfilment.type, order.fulfilment.at, order.fulfilment.address) == ("pickup", None, None)
    assert order.payment.method == "pm_card_visa"


def test_delivery_has_an_address_and_a_time_of_its_own() -> None:
    """The time chosen for another way is not taken along."""
    form = Form([("fulfilment", "delivery"), ("at_pickup", "2030-01-01T10:00:00+00:00"), ("street", "S 1")])
    order = order_meant(
        msgspec.structs.replace(typed(form, fulfilment="pickup"), name="A", email="b"),
        "demo", CART, currency="EUR", items=2000,
    )  # fmt: skip
    assert isinstance(order, PlaceOrder)
    assert order.fulfilment.at is None
    assert order.fulfilment.address is not None
    assert order.fulfilment.address.street == "S 1"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"fulfilment": "teleport"}, "fulfilment.type"),
        ({"at": "soon"}, "fulfilment.at"),
        ({"tip": "other", "tip_other": "-1"}, "tip"),
        ({"tip": "other", "tip_other": "a lot"}, "tip"),
        ({"name": "x" * 101}, "customer.name"),
        ({"note": "x" * 501}, "note"),
    ],
)
def test_what_cannot_be_meant_names_its_field(changes: dict[str, str], path: str) -> None:
    """The field is one that stands on the page."""
    errors = meant(**changes)
    assert isinstance(errors, list)
    assert [error.path for error in errors] == [path]
    assert told(errors)[0].keys() == {FIELDS[path]}


def test_an_odd_tip_or_total_is_none() -> None:
    """A percentage that is not offered is no tip; a total that is no number is not compared."""
    order = meant(tip="90", expected_total="-1")
    assert isinstance(order, PlaceOrder)
    assert (order.tip, order.expected_total) == (0, None)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("2.50", "EUR", 250), ("2,5", "EUR", 250), (" 3 ", "EUR", 300), ("0.005", "EUR", 1), ("250", "JPY", 250),
     ("", "EUR", 0), ("1e9", "EUR", None), ("nan", "EUR", None), ("inf", "EUR", None), ("-1", "EUR", None),
     ("1.000,50", "EUR", None), ("100000", "EUR", MAX_AMOUNT), ("100000.01", "EUR", None), ("1e-999999", "EUR", 0)],
)  # fmt: skip
def test_amounts_as_people_type_them(text: str, currency: str, amount: int | None) -> None:
    """Comma and point are understood, what is ambiguous or out of bounds is not."""
    assert amount_typed(text, currency) == amount


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_amounts(text: str) -> None:
    """Whatever is typed is an amount within bounds, or none."""
    amount = amount_typed(text, "EUR")
    assert amount is None or 0 <= amount <= MAX_AMOUNT


@given(st.integers(0, 10**9), st.sampled_from([0, 5, 10, 15]))
def test_tips_are_rounded_half_up(items: int, percent: int) -> None:
    """A tip is within half a cent of its percentage."""
    assert abs(tip_of(items, percent) * 100 - items * percent) <= 50


def test_the_whole_form_can_be_carried_along() -> None:
    """What another page carries in hidden fields is the same form again."""
    whole = msgspec.structs.replace(TYPED, at="2030-01-01T10:00:00+00:00", tip="other", tip_other="1,5", note="a\nb")
    assert typed(Form(whole.pairs()), fulfilment="delivery") == whole


def test_sentences_stand_beside_their_fields_or_above_the_form() -> None:
    """A line's fault stands above; the first of a field's faults stands beside it."""
    beside, above = told(
        [FieldError("customer.email", "one"), FieldError("customer.email", "two"), FieldError("lines.0.item", "three"),
         FieldError("lines.1.item", "three")]
    )  # fmt: skip
    assert (beside, above) == ({"email": "one"}, ["three"])


def test_every_status_has_its_words() -> None:
    """No status is without a colour, and each is a step on the way or an end."""
    assert set(STATUS_KINDS) == set(STATUSES)
    assert {status for status, _ in WAY} | LAST == set(STATUSES)
    assert set(READY_WORDS) == set(get_args(FulfilmentType))
    assert OUTCOMES.keys() == {"placed", "replayed", "asked", "key_reused", "refused"}


def test_the_way_shows_where_the_order_stands() -> None:
    """Reached steps have times, one is now, the rest is open; only a delivery is ever on its way."""
    shown = steps(view("preparing", "placed", "paid", "preparing"))
    assert [(step.at is not None, step.is_now) for step in shown] == [
        (True, False), (True, False), (False, False), (True, True), (False, False), (False, False),
    ]  # fmt: skip
    assert "On its way to you" in [step.title for step in steps(view("ready", "placed", fulfilment="delivery"))]


def test_an_order_that_ended_shows_the_steps_it_reached() -> None:
    """Nothing is promised any more, and nothing is now."""
    shown = steps(view("cancelled", "placed", "paid", "cancelled"))
    assert [step.title for step in shown] == ["We have your order", "Paid"]
    assert not any(step.is_now for step in shown)
    assert all(step.at for step in steps(view("completed", *(status for status, _ in WAY))))

"""An order's attributes: cleaned, bounded, and part of what makes two forms the same."""

import msgspec
import pytest

from comanda.contexts.ordering.attributes import MAX_BYTES, clean_attributes
from comanda.contexts.ordering.cart import Cart
from comanda.contexts.ordering.form import CleanForm, PlaceOrder, clean_form
from comanda.contexts.ordering.form_hash import canonical
from comanda.engine.errors import FieldError
from tests.fakes.shop import order_form


def cleaned(attributes: dict[str, object]) -> tuple[dict[str, object], list[str]]:
    """Return the cleaned attributes and the paths of what is wrong."""
    errors: list[FieldError] = []
    return clean_attributes(attributes, {}, errors), [error.path for error in errors]


def form_with(attributes: dict[str, object]) -> CleanForm:
    """Return a clean form with these attributes."""
    form = msgspec.convert(order_form(attributes=attributes), PlaceOrder)
    clean = clean_form(form, country="IT", schema={})
    assert isinstance(clean, CleanForm)
    return clean


def test_texts_are_written_in_one_way() -> None:
    """White space is tidied wherever a text stands; numbers and truth stay as they are."""
    assert cleaned({"door": "  4   b ", "seats": [{"name": " Ann  Lee "}], "guests": 2, "cutlery": True}) == (
        {"door": "4 b", "seats": [{"name": "Ann Lee"}], "guests": 2, "cutlery": True},
        [],
    )


@pytest.mark.parametrize(
    ("attributes", "path"),
    [
        ({"door": "a\0b"}, "attributes.door"),
        ({"seats": ["ok", "\u202eevil"]}, "attributes.seats.1"),
        ({"a\0": 1}, "attributes"),
        ({"": 1}, "attributes"),
        ({"x" * 101: 1}, "attributes"),
        ({"a": "x" * MAX_BYTES}, "attributes"),
        ({"a": [[[[[[1]]]]]]}, "attributes"),
    ],
)
def test_what_cannot_be_kept_is_told_at_its_place(attributes: dict[str, object], path: str) -> None:
    """Hidden characters, odd names, too much and too deep are refused."""
    assert cleaned(attributes)[1] == [path]


def test_other_attributes_are_another_form() -> None:
    """The order of the fields makes no difference to the canonical form; a value does."""
    one = canonical("osteria", form_with({"a": {"x": 1, "y": 2}, "b": 2}), Cart())
    same = canonical("osteria", form_with({"b": 2, "a": {"y": 2, "x": 1}}), Cart())
    other = canonical("osteria", form_with({"b": 2, "a": {"y": 2, "x": 2}}), Cart())
    assert one == same
    assert one != other

"""msgspec's words for what is wrong with a form, in words for everybody."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from comanda.web.faults import field_error


class Dish(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A form with one of each."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=3, pattern="^[a-z]*$")] = "a"
    price: Annotated[int, msgspec.Meta(ge=1, le=99)] = 1
    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    tags: Annotated[list[str], msgspec.Meta(max_length=1)] = []
    size: Literal["s", "l"] = "s"
    at: datetime | None = None
    id: UUID | None = None
    parts: list["Part"] = []


class Part(msgspec.Struct):
    """A part that must say what it is."""

    what: str


@pytest.mark.parametrize(
    ("form", "path", "message"),
    [
        ({"price": 0}, "price", "This should be 1 or more."),
        ({"price": 100}, "price", "This should be 99 or less."),
        ({"price": "one"}, "price", "This should be a whole number."),
        ({"price": 1.5}, "price", "This should be a whole number."),
        ({"weight": 0}, "weight", "This should be more than 0.0."),
        ({"name": ""}, "name", "Write 1 or more characters."),
        ({"name": "abcd"}, "name", "Write 3 or less characters."),
        ({"name": "A"}, "name", "This is not written in the way that is asked for."),
        ({"name": None}, "name", "This should be a text."),
        ({"tags": ["a", "b"]}, "tags", "There should be 1 or less of these."),
        ({"size": "xl"}, "size", "This is not one of the choices."),
        ({"at": "soon"}, "at", "Write a time like 2026-11-24T18:30:00+01:00."),
        ({"id": "7"}, "id", "This is not an id."),
        ({"parts": [{"what": "a"}, {}]}, "parts.1.what", "This is missing."),
        ({"colour": "red"}, "colour", "There is no such field."),
        ([], "", "This should be a group of fields."),
    ],
)
def test_a_fault_is_told_at_its_place_in_plain_words(form: Any, path: str, message: str) -> None:
    """Each kind of fault that msgspec finds has its place and a sentence without types and back-ticks."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(form), type=Dish)
    assert field_error(caught.value) == (path, message)

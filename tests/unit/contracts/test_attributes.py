"""Attributes against a restaurant's own JSON Schema: what a guest is told, and where."""

import pytest

from comanda.contracts.attributes import MAX_ERRORS, attribute_errors, schema_errors

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "cutlery": {"type": "boolean"},
        "guests": {"type": "integer", "minimum": 1, "maximum": 20},
        "occasion": {"enum": ["birthday", "business"]},
        "door": {"type": "string", "pattern": "^[0-9]+$", "maxLength": 6},
        "seats": {"type": "array", "items": {"type": "object", "required": ["name"]}, "maxItems": 2},
    },
    "required": ["guests"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("attributes", "path", "message"),
    [
        ({}, "attributes.guests", "This is missing."),
        ({"guests": "two"}, "attributes.guests", "This should be a whole number."),
        ({"guests": 0}, "attributes.guests", "This should be 1 or more."),
        ({"guests": 21}, "attributes.guests", "This should be 20 or less."),
        ({"guests": 2, "occasion": "none"}, "attributes.occasion", "Choose one of: birthday, business."),
        ({"guests": 2, "door": "front"}, "attributes.door", "This is not written in the way that is asked for."),
        ({"guests": 2, "door": "1234567"}, "attributes.door", "This should have at most 6 characters."),
        ({"guests": 2, "seats": [{"name": "A"}, {}]}, "attributes.seats.1.name", "This is missing."),
        ({"guests": 2, "table": 4}, "attributes.table", "There is no such field."),
    ],
)
def test_a_guest_is_told_where_and_what(attributes: dict[str, object], path: str, message: str) -> None:
    """Each fault is told at its own field, in a sentence without the words of JSON Schema."""
    assert [tuple(error) for error in attribute_errors(attributes, SCHEMA, "attributes")] == [(path, message)]


def test_good_attributes_and_no_schema_pass() -> None:
    """What the schema allows passes, and a restaurant without a schema takes anything."""
    assert attribute_errors({"guests": 2, "cutlery": True}, SCHEMA, "attributes") == []
    assert attribute_errors({"anything": [1, None]}, {}, "attributes") == []


def test_no_more_errors_than_the_limit() -> None:
    """A thousand surplus fields are told as a few."""
    many = {"guests": 2, **{f"field {n}": n for n in range(1000)}}
    assert len(attribute_errors(many, SCHEMA, "attributes")) == MAX_ERRORS


def test_an_order_may_have_a_schema() -> None:
    """The parts that may have a schema are known; others are refused by name."""
    assert schema_errors({"order": SCHEMA, "item": {}}, "attributes_schema") == []
    assert [error.path for error in schema_errors({"orders": {}}, "attributes_schema")] == ["attributes_schema.orders"]

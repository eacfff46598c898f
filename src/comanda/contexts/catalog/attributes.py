"""A restaurant's own attributes, checked against its own JSON Schema (draft 2020-12). Pure.

A restaurant's `attributes_schema` has two members, each a JSON Schema and each optional: `restaurant` for the
attributes of the restaurant itself, and `item` for those of each item of its menu. References reach into the schema
only: nothing is fetched.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from comanda.engine.errors import FieldError

MAX_ERRORS = 10
"""Errors told of one set of attributes, at most."""

PARTS = ("restaurant", "item")
"""What a restaurant may have a schema for."""

_NOTHING_ELSE: Registry[bool | Mapping[str, Any]] = Registry()


def attribute_errors(attributes: Mapping[str, object], schema: Mapping[str, object], path: str) -> list[FieldError]:
    """Return what is wrong with the attributes; an empty schema takes anything."""
    if not schema:
        return []
    validator = Draft202012Validator(schema, registry=_NOTHING_ELSE)
    try:
        errors = list(islice(validator.iter_errors(attributes), MAX_ERRORS))
    except Unresolvable as error:
        return [FieldError(path, f"Its schema refers to something that is not in it: {error}.")]
    return [
        FieldError(".".join([path, *(str(part) for part in error.absolute_path)]), error.message) for error in errors
    ]


def schema_errors(schemas: Mapping[str, object], path: str) -> list[FieldError]:
    """Return what is wrong with a restaurant's `attributes_schema`."""
    errors = []
    for name, schema in schemas.items():
        at = f"{path}.{name}"
        if name not in PARTS or not isinstance(schema, dict):
            errors.append(FieldError(at, "Give a JSON Schema for restaurant, for item, or for both."))
            continue
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            errors.append(FieldError(".".join([at, *(str(part) for part in error.absolute_path)]), error.message))
    return errors


def part_of(schemas: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the schema for `restaurant` or `item`; empty where there is none."""
    schema = schemas.get(name)
    return schema if isinstance(schema, dict) else {}

"""A restaurant's own attributes, checked against its own JSON Schema (draft 2020-12). Pure.

A restaurant's `attributes_schema` has a member for each of `PARTS`, each a JSON Schema and each optional. References
reach into the schema only: nothing is fetched.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeGuard

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from comanda.engine.errors import FieldError

MAX_ERRORS = 10
"""Errors told of one set of attributes, at most."""

PARTS = ("restaurant", "item", "order", "customer")
"""What a restaurant may have a schema for."""

TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a group of fields",
    "null": "empty",
}

_NOTHING_ELSE: Registry[bool | Mapping[str, Any]] = Registry()


def attribute_errors(attributes: Mapping[str, object], schema: Mapping[str, object], path: str) -> list[FieldError]:
    """Return what is wrong with the attributes, field by field; an empty schema takes anything."""
    if not schema:
        return []
    validator = Draft202012Validator(schema, registry=_NOTHING_ELSE)
    try:
        found = (told for error in validator.iter_errors(attributes) for told in _told(error, path))
        return list(islice(dict.fromkeys(found), MAX_ERRORS))
    except Unresolvable as error:
        return [FieldError(path, f"Its schema refers to something that is not in it: {error}.")]


def schema_errors(schemas: Mapping[str, object], path: str) -> list[FieldError]:
    """Return what is wrong with a restaurant's `attributes_schema`."""
    errors = []
    for name, schema in schemas.items():
        at = f"{path}.{name}"
        if name not in PARTS or not isinstance(schema, dict):
            errors.append(FieldError(at, f"Give a JSON Schema for one or more of {', '.join(PARTS)}."))
            continue
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            errors.append(FieldError(".".join([at, *(str(part) for part in error.absolute_path)]), error.message))
    return errors


def part_of(schemas: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the schema for one of `PARTS`; empty where there is none."""
    schema = schemas.get(name)
    return schema if isinstance(schema, dict) else {}


def _told(error: ValidationError, path: str) -> Iterator[FieldError]:
    at = ".".join([path, *(str(part) for part in error.absolute_path)])
    given, schema = error.instance, error.schema
    if error.validator == "required" and isinstance(error.validator_value, list) and isinstance(given, dict):
        missing = [name for name in error.validator_value if name not in given]
        yield from (FieldError(f"{at}.{name}", "This is missing.") for name in missing)
        return
    if error.validator == "additionalProperties" and isinstance(given, dict) and _lists_all_fields(schema):
        surplus = [name for name in given if name not in schema.get("properties", {})]
        yield from (FieldError(f"{at}.{name[:100]}", "There is no such field.") for name in surplus)
        return
    say = _SENTENCES.get(str(error.validator))
    yield FieldError(at, say(error.validator_value) if say else f"{error.message[:200]}.")


def _lists_all_fields(schema: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(schema, dict) and "patternProperties" not in schema


def _types(value: object) -> str:
    names = value if isinstance(value, list) else [value]
    return f"This should be {' or '.join(TYPES.get(str(name), str(name)) for name in names)}."


def _choices(value: object) -> str:
    return (
        f"Choose one of: {', '.join(str(choice) for choice in value)}." if isinstance(value, list) else "Choose anew."
    )


_SENTENCES: Mapping[str, Callable[[Any], str]] = {
    "type": _types,
    "enum": _choices,
    "const": lambda value: f"This should be {value}.",
    "minimum": lambda value: f"This should be {value} or more.",
    "maximum": lambda value: f"This should be {value} or less.",
    "exclusiveMinimum": lambda value: f"This should be more than {value}.",
    "exclusiveMaximum": lambda value: f"This should be less than {value}.",
    "minLength": lambda value: f"This should have at least {value} characters.",
    "maxLength": lambda value: f"This should have at most {value} characters.",
    "minItems": lambda value: f"There should be at least {value} of these.",
    "maxItems": lambda value: f"There should be at most {value} of these.",
    "uniqueItems": lambda _: "The same stands here twice.",
    "pattern": lambda _: "This is not written in the way that is asked for.",
}
"""What a guest is told, by the keyword of the schema that is not met."""

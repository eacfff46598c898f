"""What is wrong with conditions that can be read: nonsense, and what does not fit the restaurant's schema. Pure."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date
from zoneinfo import available_timezones

from comanda.contexts.campaigns.conditions import (
    MAX_CONDITIONS,
    Attribute,
    Condition,
    Conditions,
    Domain,
    Group,
    OrderDate,
    OrderedTimes,
    Orders,
    Spent,
    Zone,
    conditions_in,
)
from comanda.contracts.attributes import attribute_errors
from comanda.engine.errors import FieldError

DOMAIN = re.compile(r"[^\s@.,;:/\\<>\"'()]+(\.[^\s@.,;:/\\<>\"'()]+)+")
NUMBERS = frozenset({"integer", "number"})


def problems(conditions: Conditions, *, schema: Mapping[str, object], today: date) -> list[FieldError]:
    """Return what is wrong, field by field: `of.0.count`, and `of.2.of.1.value` for what is in a group.

    Args:
        conditions: what is asked for.
        schema: the restaurant's JSON Schema of its customers' attributes; empty where it has none.
        today: in the restaurant's zone.
    """
    found = []
    if len(conditions_in(conditions)) > MAX_CONDITIONS:
        found.append(FieldError("of", f"There are more than {MAX_CONDITIONS} conditions: make two audiences of them."))
    for place, each in enumerate(conditions.of):
        at = f"of.{place}"
        if isinstance(each, Group):
            if not each.of:
                found.append(FieldError(at, "This group is empty: add a condition, or take the group away."))
            for inner, condition in enumerate(each.of):
                found.extend(_problems(condition, f"{at}.of.{inner}", schema, today))
        else:
            found.extend(_problems(each, at, schema, today))
    return found


def _problems(condition: Condition, at: str, schema: Mapping[str, object], today: date) -> Iterator[FieldError]:
    if isinstance(condition, Orders | OrderedTimes) and (condition.how, condition.count) == ("at_least", 0):
        yield FieldError(f"{at}.count", "Everybody has ordered at least 0 times: write 1 or more.")
    elif isinstance(condition, Spent) and (condition.how, condition.amount) == ("at_least", 0):
        yield FieldError(f"{at}.amount", "Everybody has spent at least nothing: write an amount.")
    elif isinstance(condition, OrderDate) and condition.day > today:
        yield FieldError(f"{at}.day", "This day is still to come.")
    elif isinstance(condition, Domain) and not DOMAIN.fullmatch(condition.domain):
        yield FieldError(f"{at}.domain", "Write what stands behind the @, such as example.com.")
    elif isinstance(condition, Zone) and condition.zone and condition.zone not in available_timezones():
        yield FieldError(f"{at}.zone", "There is no such time zone: write one such as Europe/Rome.")
    elif isinstance(condition, Attribute):
        yield from _attribute_problems(condition, at, schema)


def _attribute_problems(condition: Attribute, at: str, schema: Mapping[str, object]) -> Iterator[FieldError]:
    name, value = condition.name, condition.value
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    if not name.isprintable():
        yield FieldError(f"{at}.name", "This contains a character that cannot be stored.")
    elif schema.get("additionalProperties") is False and "patternProperties" not in schema and name not in properties:
        known = ", ".join(properties) or "none"
        yield FieldError(f"{at}.name", f"There is no such attribute. There are: {known}.")
    elif told := _value_problem(condition):
        yield FieldError(f"{at}.value", told)
    elif condition.how in {"is", "is_not"}:
        free = {key: part for key, part in schema.items() if key not in {"required", "minProperties"}}
        yield from (FieldError(f"{at}.value", error.message) for error in attribute_errors({name: value}, free, at)[:1])
    elif told := _kind_problem(condition, properties.get(name)):
        yield FieldError(f"{at}.value", told)


def _value_problem(condition: Attribute) -> str:
    """Return what is wrong with the value for its comparison, whatever the attribute is; empty where nothing is."""
    how, value = condition.how, condition.value
    if how in {"exists", "missing"}:
        return "" if value is None else "This comparison takes no value."
    is_text = isinstance(value, str)
    told = ""
    if value is None:
        told = "Write a value."
    elif isinstance(value, float) and not math.isfinite(value):
        told = "Write a number."
    elif isinstance(value, str) and not value.isprintable():
        told = "This contains a character that cannot be stored."
    elif how == "contains" and not (is_text and value):
        told = "Write the text that it contains."
    elif how in {"more_than", "less_than"} and isinstance(value, bool):
        told = "Yes and no are not more or less than one another: ask whether it is the one or the other."
    return told


def _kind_problem(condition: Attribute, schema: object) -> str:
    """Return what keeps `contains`, `more_than` and `less_than` from ever being true of such an attribute."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if not isinstance(kind, str):
        return ""
    if condition.how == "contains":
        return "" if kind in {"string", "array"} else "Only a text or a list can contain something."
    if condition.how in {"more_than", "less_than"}:
        is_text = isinstance(condition.value, str)
        if kind in NUMBERS and is_text:
            return "This should be a number."
        if kind == "string" and not is_text:
            return "This should be a text."
        if kind not in {*NUMBERS, "string"}:
            return "Only numbers and texts can be more or less than one another."
    return ""

"""What msgspec finds wrong with a form, as a guest can read it: at which field, and in a sentence."""

import re

import msgspec

from comanda.engine.errors import FieldError

_PLACE = re.compile(r"^(?P<message>.*) - at `\$(?P<path>.*)`$", re.DOTALL)
_NAMED = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<name>.*)`$", re.DOTALL)
_LIMIT = re.compile(r"^Expected `(?P<kind>\w+)`(?: of)?(?P<length> length)? (?P<sign>[<>]=?) (?P<limit>-?[\d.]+)$")
_TYPE = re.compile(r"^Expected `(?P<kinds>[\w |]+)`, got `\w+`$")

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a group of fields",
    "datetime": "a time",
    "uuid": "an id",
}
_SENTENCES = {
    "Invalid enum value": "This is not one of the choices.",
    "Invalid RFC3339": "Write a time like 2026-11-24T18:30:00+01:00.",
    "Invalid UUID": "This is not an id.",
    "matching regex": "This is not written in the way that is asked for.",
}
_SIGNS = {">=": "{} or more", "<=": "{} or less", ">": "more than {}", "<": "less than {}"}

MAX_NAME = 100
"""Characters of an unknown field's name that are told."""


def field_error(error: msgspec.ValidationError) -> FieldError:
    """Return where msgspec found the fault (`lines.0.quantity`; empty for the whole) and its sentence."""
    found = _PLACE.match(str(error))
    if found is None:
        return fault("", str(error))
    return fault(re.sub(r"\[(\d+|\.\.\.)\]", r".\1", found["path"]).strip("."), found["message"])


def fault(path: str, message: str) -> FieldError:
    """Return a fault that msgspec words as `message` in its own place and in words for everybody."""
    named = _NAMED.match(message)
    if named is not None:
        place = f"{path}.{named['name'][:MAX_NAME]}".strip(".")
        return FieldError(place, "This is missing." if "missing" in message else "There is no such field.")
    return FieldError(path, _sentence(message))


def _sentence(message: str) -> str:
    limit = _LIMIT.match(message)
    if limit is not None:
        return _limited(limit["kind"], _SIGNS[limit["sign"]].format(limit["limit"]), of_length=bool(limit["length"]))
    kinds = _TYPE.match(message)
    if kinds is not None:
        names = [_KINDS.get(kind, kind) for kind in kinds["kinds"].split(" | ") if kind != "null"]
        return f"This should be {' or '.join(names)}."
    return next((told for words, told in _SENTENCES.items() if words in message), f"{message.rstrip('.')}.")


def _limited(kind: str, amount: str, *, of_length: bool) -> str:
    if not of_length:
        return f"This should be {amount}."
    return f"There should be {amount} of these." if kind == "array" else f"Write {amount} characters."

"""What a restaurant asks beside the form's own fields: cleaned, and checked against its own schema. Pure."""

from collections.abc import Mapping

import msgspec

from comanda.contexts.ordering.texts import HARMFUL, clean_text
from comanda.contracts.attributes import attribute_errors
from comanda.engine.errors import FieldError

PATH = "attributes"

MAX_BYTES = 4096
"""Length of an order's attributes, as JSON."""

MAX_DEPTH = 5
"""Lists and groups of fields inside each other, at most."""

MAX_NAME = 100


class _TooDeep(Exception):
    """More lists and groups inside each other than `MAX_DEPTH`."""


def clean_attributes(
    attributes: Mapping[str, object], schema: Mapping[str, object], errors: list[FieldError]
) -> dict[str, object]:
    """Return the attributes with their texts cleaned; what is wrong is added to `errors`.

    Args:
        attributes: as they were sent.
        schema: the restaurant's JSON Schema for orders; an empty one takes anything.
        errors: what is wrong is added to it.
    """
    if not attributes and not schema:
        return {}
    try:
        size = len(msgspec.json.encode(attributes))
        if size > MAX_BYTES:
            errors.append(FieldError(PATH, f"These are too long: {MAX_BYTES} bytes at most."))
            return {}
        cleaned = {name: _clean(value, _path(PATH, name, errors), errors, 1) for name, value in attributes.items()}
    except (RecursionError, _TooDeep):
        errors.append(FieldError(PATH, f"There are more than {MAX_DEPTH} levels in these."))
        return {}
    errors.extend(attribute_errors(cleaned, schema, PATH))
    return cleaned


def _clean(value: object, path: str, errors: list[FieldError], depth: int) -> object:
    if depth > MAX_DEPTH:
        raise _TooDeep
    if isinstance(value, str):
        return clean_text(value, path, errors, lines=True)
    if isinstance(value, list):
        return [_clean(part, f"{path}.{number}", errors, depth + 1) for number, part in enumerate(value)]
    if isinstance(value, dict):
        return {name: _clean(part, _path(path, name, errors), errors, depth + 1) for name, part in value.items()}
    return value


def _path(path: str, name: str, errors: list[FieldError]) -> str:
    if not name or len(name) > MAX_NAME or HARMFUL.search(name):
        errors.append(FieldError(path, f"The name of a field has between 1 and {MAX_NAME} visible characters."))
        return path
    return f"{path}.{name}"

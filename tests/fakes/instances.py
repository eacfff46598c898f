"""JSON that fits a schema: with all its fields, or with no more than it needs."""

from typing import Any

import msgspec

TEXTS = {
    "uuid": "01930000-0000-7000-8000-000000000001",
    "date-time": "2026-11-24T12:00:00Z",
    "date": "2026-11-24",
    "time": "12:00:00",
    "duration": "PT1H",
}
PLAIN = {"integer": 1, "number": 1.5, "boolean": True, "null": None}


def fullest(schema: dict[str, Any]) -> str:
    """Return an instance with every field."""
    return msgspec.json.encode(_instance(schema, schema, full=True)).decode()


def leanest(schema: dict[str, Any]) -> str:
    """Return an instance with the required fields alone."""
    return msgspec.json.encode(_instance(schema, schema, full=False)).decode()


def _instance(part: dict[str, Any], root: dict[str, Any], *, full: bool) -> Any:
    while "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    if "enum" in part:
        return part["enum"][0]
    if "anyOf" in part:
        return _instance(part["anyOf"][0 if full else -1], root, full=full)
    kind = part.get("type", "null")
    if kind == "object":
        shown = part.get("properties", {})
        names = shown if full else part.get("required", ())
        return {name: _instance(shown[name], root, full=full) for name in names}
    if "prefixItems" in part:
        return [_instance(item, root, full=full) for item in part["prefixItems"]]
    if kind == "array":
        return [_instance(part["items"], root, full=full)] if full and "items" in part else []
    # A datetime has no format in msgspec's schemas; a text that is one fits every text.
    return TEXTS.get(part.get("format", "date-time"), "text") if kind == "string" else PLAIN[kind]

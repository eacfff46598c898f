"""The catalogue of events, for people and for programs: `/staff/events` and `/asyncapi.json`."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Template

from comanda.engine.asyncapi import asyncapi
from comanda.engine.catalogue import entries
from comanda.engine.events import EventCatalogue
from comanda.engine.lanes import Consumer
from comanda.web.access import StaffLink, require

PATH = "/staff/events"

LINK = StaffLink(
    path=PATH,
    title="Events",
    purpose="What the contexts tell each other, and who listens",
    roles=("operator",),
)


class EventPages:
    """The two doors to the catalogue; what they show is made when it is first asked for.

    Args:
        catalogue: all events of the house.
        consumers: all lanes of the house.
    """

    def __init__(self, catalogue: EventCatalogue, consumers: Sequence[Consumer]) -> None:
        self._catalogue = catalogue
        self._consumers = tuple(consumers)
        self._document = b""

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [
            get(PATH, guards=[require("operator")], include_in_schema=False, sync_to_thread=False)(self.page),
            get("/asyncapi.json", include_in_schema=False, sync_to_thread=False, cache=False)(self.document),
        ]

    def page(self) -> Template:
        """Show each event with its schema, publisher and consumers."""
        shown = [(entry, _fields(entry.schema)) for entry in entries(self._catalogue, self._consumers)]
        publishers = sorted({entry.publisher for entry, _ in shown})
        groups = [(name, [pair for pair in shown if pair[0].publisher == name]) for name in publishers]
        return Template("events.html", context={"groups": groups, "events": len(shown)})

    def document(self) -> Response[bytes]:
        """Return the AsyncAPI document."""
        if not self._document:
            self._document = msgspec.json.encode(asyncapi_of(self._catalogue, self._consumers))
        return Response(self._document, media_type="application/json")


def asyncapi_of(catalogue: EventCatalogue, consumers: Sequence[Consumer]) -> dict[str, Any]:
    """Return the AsyncAPI document of the house."""
    return asyncapi(
        catalogue,
        entries(catalogue, consumers),
        title="Comanda's events",
        version="1",
        about="The facts that the contexts of Comanda tell each other. See docs/events.md.",
    )


class Field(msgspec.Struct, frozen=True):
    """One line of a schema: the field's path, what it is, and whether it is always there."""

    path: str
    kind: str
    required: bool


MOST_DEEP = 4
"""How deep fields within fields are shown."""


def _fields(schema: dict[str, Any]) -> list[Field]:
    """Return the fields of an event, those within others after them."""
    return list(_within(schema, schema.get("$defs", {}), "", MOST_DEEP))


def _within(part: dict[str, Any], parts: dict[str, Any], prefix: str, deep: int) -> Iterator[Field]:
    for name, field in part.get("properties", {}).items():
        yield Field(f"{prefix}{name}", _kind(field), name in part.get("required", ()))
        inner, mark = _inner(field, parts)
        if inner is not None and deep:
            yield from _within(inner, parts, f"{prefix}{name}{mark}.", deep - 1)


def _inner(field: dict[str, Any], parts: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the object that a field holds (or a list of it, or None for a plain value), and the mark of a list."""
    if "$ref" in field:
        return parts[field["$ref"].rpartition("/")[2]], ""
    if "items" in field and isinstance(field["items"], dict):
        return _inner(field["items"], parts)[0], "[]"
    for choice in field.get("anyOf", ()):
        found, mark = _inner(choice, parts)
        if found is not None:
            return found, mark
    return None, ""


def _kind(field: dict[str, Any]) -> str:
    """Return in a word or two what a field holds."""
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "enum" in field:
        return " · ".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_kind(choice) for choice in field["anyOf"])
    if field.get("type") == "array":
        items = field.get("items")
        return f"list of {_kind(items)}" if isinstance(items, dict) else "list"
    return str(field.get("format") or field.get("type", "anything"))

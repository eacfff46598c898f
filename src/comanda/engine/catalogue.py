"""What events there are: who publishes each, who consumes it, and what it looks like."""

from collections.abc import Sequence

import msgspec

from comanda.engine.events import Event, EventCatalogue
from comanda.engine.events.schemas import Schema, schema_of
from comanda.engine.lanes import Consumer


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        name: `publisher.PastTense`.
        version: today's; all older ones are read too.
        key: the field by which it is ordered.
        publisher: the context whose fact it is.
        consumers: the lanes that it reaches, by name.
        about: its docstring.
        schema: of today's version.
    """

    name: str
    version: int
    key: str
    publisher: str
    consumers: tuple[str, ...]
    about: str
    schema: Schema


def entries(catalogue: EventCatalogue, consumers: Sequence[Consumer]) -> list[CatalogueEntry]:
    """Return all events that a program knows, in the order of its catalogue."""
    return [_entry(kind, consumers) for kind in catalogue.types]


def _entry(kind: type[Event], consumers: Sequence[Consumer]) -> CatalogueEntry:
    schema = schema_of(kind)
    return CatalogueEntry(
        name=kind.name,
        version=kind.version,
        key=kind.key_field,
        publisher=kind.name.partition(".")[0],
        consumers=tuple(c.name for c in consumers if c.names is None or kind.name in c.names),
        about=schema.get("description", ""),
        schema=schema,
    )

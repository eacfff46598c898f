"""The catalogue of events as an AsyncAPI 3.0 document: https://www.asyncapi.com/docs/reference/specification/v3.0.0.

Each event is a channel of its own, whatever carries it; its publisher sends to it and its consumers receive from it.
"""

from collections.abc import Sequence
from typing import Any

from comanda.engine.catalogue import CatalogueEntry
from comanda.engine.events import EventCatalogue
from comanda.engine.events.schemas import schemas_of


def asyncapi(
    catalogue: EventCatalogue, entries: Sequence[CatalogueEntry], *, title: str, version: str, about: str
) -> dict[str, Any]:
    """Return the document, as JSON values; `title`, `version` and `about` are of the whole."""
    tops, schemas = schemas_of(catalogue.types, "#/components/schemas/{name}")
    names = dict(zip([kind.name for kind in catalogue.types], tops, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": about},
        "defaultContentType": "application/json",
        "channels": {entry.name: _channel(entry) for entry in entries},
        "operations": {name: operation for entry in entries for name, operation in _operations(entry).items()},
        "components": {
            "messages": {message_id(entry): _message(entry, names[entry.name]) for entry in entries},
            "schemas": schemas,
        },
    }


def message_id(entry: CatalogueEntry) -> str:
    """Return the name of an event's message: its own, and its version."""
    return f"{entry.name}.v{entry.version}"


def _channel(entry: CatalogueEntry) -> dict[str, Any]:
    return {
        "address": entry.name,
        "description": f"Delivered at least once, and in order for each `{entry.key}`.",
        "messages": {f"v{entry.version}": {"$ref": f"#/components/messages/{message_id(entry)}"}},
        "tags": [{"name": entry.publisher}],
    }


def _operations(entry: CatalogueEntry) -> dict[str, dict[str, Any]]:
    channel = {"$ref": f"#/channels/{entry.name}"}
    messages = [{"$ref": f"#/channels/{entry.name}/messages/v{entry.version}"}]
    sent = {f"{entry.publisher}.sends.{entry.name}": _operation("send", entry.publisher, channel, messages)}
    received = {
        f"{consumer}.receives.{entry.name}": _operation("receive", consumer, channel, messages)
        for consumer in entry.consumers
    }
    return sent | received


def _operation(action: str, who: str, channel: dict[str, str], messages: list[dict[str, str]]) -> dict[str, Any]:
    return {"action": action, "channel": channel, "messages": messages, "tags": [{"name": who}]}


def _message(entry: CatalogueEntry, schema: str) -> dict[str, Any]:
    older = f" Versions 1 to {entry.version - 1} are read too." if entry.version > 1 else ""
    return {
        "name": entry.name,
        "title": entry.name.rpartition(".")[2],
        "summary": entry.about.partition("\n")[0],
        "description": f"Version {entry.version}, ordered by `{entry.key}`.{older}",
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{schema}"},
    }

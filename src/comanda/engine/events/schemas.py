"""Events as JSON Schemas, and what a change of a published one would break.

The log keeps events for as long as they are wanted, and programs of two ages work on it side by side during a deploy.
So within one version of an event both directions must hold: today's program reads what was ever written, and whoever
learnt the published schema reads what today's program writes. `breaks` tells where that ends; what it tells takes a
new version and an upcaster.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from comanda.engine.events.event import Event

Schema = dict[str, Any]

WORDS = frozenset({"title", "description", "$defs", "examples"})
"""Parts of a schema that are for people, or are followed where they are referred to."""


def schema_of(kind: type[Event]) -> Schema:
    """Return the JSON Schema of an event, with all that it refers to under `$defs`."""
    (name,), parts = schemas_of([kind], "#/$defs/{name}")
    schema = {**parts.pop(name), **({"$defs": parts} if parts else {})}
    # Defaults are values of Python until here: a tuple is JSON's list.
    plain: Schema = msgspec.json.decode(msgspec.json.encode(schema))
    return plain


def schemas_of(kinds: Iterable[type[Event]], reference: str) -> tuple[list[str], dict[str, Schema]]:
    """Return the names of the events' schemas, and by name these and all that they refer to.

    Args:
        kinds: the events.
        reference: how one schema refers to another, with `{name}` in it.
    """
    tops, parts = msgspec.json.schema_components(kinds, ref_template=reference)
    for part in parts.values():
        if "description" in part:
            # msgspec gives the docstring as it stands in the source.
            part["description"] = inspect.cleandoc(part["description"])
    return [top["$ref"].rpartition("/")[2] for top in tops], parts


def breaks(published: Schema, today: Schema) -> list[str]:
    """Return what has changed from `published` to `today` that programs of two ages would stumble over."""
    return list(_Comparison(published, today).of(published, today, "the event"))


class _Comparison:
    """Two schemas, side by side."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._compared: set[tuple[str, str]] = set()

    def of(self, old: Any, new: Any, place: str) -> Iterator[str]:
        """Compare the two schemas' parts at one place."""
        pair = (_reference(old), _reference(new))
        if pair in self._compared:
            return
        if all(pair):
            self._compared.add(pair)
        old, new = _followed(old, self._old), _followed(new, self._new)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            if "properties" in old and "properties" in new:
                yield from self._fields(old, new, place)
            for word in sorted((old.keys() | new.keys()) - WORDS - {"properties", "required"}):
                yield from self.of(old.get(word), new.get(word), f"{word} of {place}")
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for number, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from self.of(before, after, f"{place}, {number}")
        elif old != new:
            yield f"{place} was {_short(old)} and is {_short(new)}"

    def _fields(self, old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[str]:
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name, before in old["properties"].items():
            field = f"the field `{name}` of {place}"
            if name not in new["properties"]:
                yield f"{field} is gone"
                continue
            if name in needed - needs:
                yield f"{field} was always there and may now be missing"
            elif name in needs - needed:
                yield f"{field} could be missing and is now required"
            yield from self.of(before, new["properties"][name], field)
        for name in sorted(needs - old["properties"].keys()):
            yield f"the field `{name}` of {place} is new and has no default"


def _reference(part: Any) -> str:
    return str(part["$ref"]) if isinstance(part, Mapping) and "$ref" in part else ""


def _followed(part: Any, root: Schema) -> Any:
    while isinstance(part, Mapping) and "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    return part


def _short(value: object) -> str:
    return "not there" if value is None else msgspec.json.encode(value).decode()[:80]

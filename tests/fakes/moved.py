"""An event in its third version."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from comanda.engine.events import Event


def _split(fields: dict[str, Any]) -> dict[str, Any]:
    """Make two numbers of the text in which version 1 kept the place."""
    x, y = fields.pop("where").split(",")
    return {**fields, "x": int(x), "y": int(y)}


def _paired(fields: dict[str, Any]) -> dict[str, Any]:
    """Make a pair of the two numbers of version 2."""
    return {**fields, "place": [fields.pop("x"), fields.pop("y")]}


class Moved(Event, frozen=True, kw_only=True):
    """Something was moved."""

    name: ClassVar[str] = "test.Moved"
    version: ClassVar[int] = 3
    key_field: ClassVar[str] = "thing"
    upcasters = (_split, _paired)

    thing: str
    place: tuple[int, int]
    at: datetime
    by: UUID

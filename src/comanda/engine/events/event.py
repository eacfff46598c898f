"""What an event is: a frozen, versioned fact with a key."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from comanda.engine.errors import ComandaError


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact: something that has happened, named in the past tense.

    A subclass states its `name` (`context.PastTense`), its `version`, and which of its fields is the `key_field`:
    events of one key are handled in the order in which they became true. Fields are added with defaults; a change
    that old readers could not bear takes a new version.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    key_field: ClassVar[str]

    @property
    def key(self) -> str:
        """The key by which this event is ordered and sharded."""
        return str(getattr(self, self.key_field))


class RecordedEvent(msgspec.Struct, frozen=True):
    """An event as it stands in the log.

    Attributes:
        id: the place in the log; with `position` it orders events within a shard.
        position: see DESIGN, idea 2: the horizon counter at which the event became readable.
        shard: the shard of the log its key belongs to.
        at: when it was emitted, by the database's clock.
    """

    id: int
    position: int
    shard: int
    key: str
    at: datetime
    event: Event


class UnknownEvent(ComandaError):
    """The log holds an event whose name or version this program does not know."""


class EventCatalogue:
    """All event types that a program knows, by name and version."""

    def __init__(self, types: Iterable[type[Event]]) -> None:
        self._decoders: dict[tuple[str, int], msgspec.json.Decoder[Any]] = {}
        self.types: tuple[type[Event], ...] = tuple(types)
        for kind in self.types:
            place = (kind.name, kind.version)
            if place in self._decoders:
                raise ValueError(f"Two events are called {kind.name} version {kind.version}.")
            self._decoders[place] = msgspec.json.Decoder(kind)

    def decode(self, name: str, version: int, payload: str | bytes) -> Event:
        """Return the event, or raise `UnknownEvent` (a newer program wrote it) or `msgspec.ValidationError`."""
        decoder = self._decoders.get((name, version))
        if decoder is None:
            raise UnknownEvent(f"This program does not know the event {name} version {version}.")
        event: Event = decoder.decode(payload)
        return event

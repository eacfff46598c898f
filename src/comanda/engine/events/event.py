"""What an event is: a frozen, versioned fact with a key."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from comanda.engine.errors import ComandaError

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the payload of an event's next version out of one version's: plain JSON values in, plain JSON values out.

It may change and return the dict that it is given.
"""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact: something that has happened, named in the past tense.

    A subclass states its `name` (`context.PastTense`), its `version`, and which of its fields is the `key_field`:
    events of one key are handled in the order in which they became true. Fields are added with defaults, and readers
    let pass what they do not know; a change that old readers could not bear takes a new version, and an upcaster.

    Attributes:
        upcasters: from version 1 to 2, from 2 to 3, up to `version`: what the log holds in an older version reaches
            handlers as today's. See docs/events.md.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    key_field: ClassVar[str]
    upcasters: ClassVar[tuple[Upcaster, ...]] = ()

    @property
    def key(self) -> str:
        """The key by which this event is ordered and sharded."""
        return str(getattr(self, self.key_field))


class UnknownEvent(ComandaError):
    """The log holds an event whose name or version this program does not know: a newer program wrote it."""


class EventCatalogue:
    """All event types that a program knows, each in today's version.

    Raises `ValueError` where two share a name, or an older version has no upcaster.
    """

    def __init__(self, types: Iterable[type[Event]]) -> None:
        self.types: tuple[type[Event], ...] = tuple(types)
        self._decoders: dict[tuple[str, int], msgspec.json.Decoder[Any]] = {}
        self._by_name: dict[str, type[Event]] = {}
        for kind in self.types:
            if kind.name in self._by_name:
                raise ValueError(f"Two events are called {kind.name}.")
            if len(kind.upcasters) != kind.version - 1:
                raise ValueError(
                    f"{kind.name} is at version {kind.version} and has {len(kind.upcasters)} upcasters: "
                    "it takes one from each older version to the next."
                )
            self._by_name[kind.name] = kind
            self._decoders[kind.name, kind.version] = msgspec.json.Decoder(kind)

    def decode(self, name: str, version: int, payload: str | bytes) -> Event:
        """Return the event as today's struct, whatever version it was written in.

        Raises `UnknownEvent` where a newer program wrote it, and `msgspec.ValidationError`.
        """
        decoder = self._decoders.get((name, version))
        if decoder is not None:
            event: Event = decoder.decode(payload)
            return event
        kind = self._by_name.get(name)
        if kind is None or not 0 < version < kind.version:
            raise UnknownEvent(f"This program does not know the event {name} version {version}.")
        fields = msgspec.json.decode(payload, type=dict[str, Any])
        for upcast in kind.upcasters[version - 1 :]:
            fields = upcast(fields)
        return msgspec.convert(fields, kind)

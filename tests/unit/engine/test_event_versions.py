"""Events in older and newer versions, and with fields that nobody here knows."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import pytest

from comanda.engine.events import Event, EventCatalogue, UnknownEvent
from tests.fakes.moved import Moved


def test_an_old_event_reaches_handlers_as_todays() -> None:
    """Version 1 goes through both upcasters, version 2 through the second alone."""
    catalogue = EventCatalogue([Moved])
    today = Moved(thing="box", place=(1, 2), at=datetime(2026, 11, 24, tzinfo=UTC), by=UUID(int=7))
    tail = '"at":"2026-11-24T00:00:00Z","by":"00000000-0000-0000-0000-000000000007"}'
    assert catalogue.decode("test.Moved", 1, '{"thing":"box","where":"1,2",' + tail) == today
    assert catalogue.decode("test.Moved", 2, '{"thing":"box","x":1,"y":2,' + tail) == today
    assert catalogue.decode("test.Moved", 3, msgspec.json.encode(today)) == today


def test_what_an_upcaster_makes_is_checked() -> None:
    """A payload that does not become today's event is refused, as any other."""
    with pytest.raises(msgspec.ValidationError):
        EventCatalogue([Moved]).decode("test.Moved", 2, '{"thing":"box","x":1,"y":"left"}')


@pytest.mark.parametrize(("name", "version"), [("test.Moved", 4), ("test.Moved", 0), ("test.Gone", 1)])
def test_what_a_newer_program_wrote_is_unknown(name: str, version: int) -> None:
    """A version or a name that this program has not is told as such, whatever its payload is."""
    with pytest.raises(UnknownEvent, match=f"{name} version {version}"):
        EventCatalogue([Moved]).decode(name, version, "{}")


def test_a_field_that_nobody_knows_is_let_pass() -> None:
    """A newer program's field, at the top or deep inside, does not keep an older one from reading the rest."""

    class Inner(msgspec.Struct, frozen=True):
        number: int

    class Outer(Event, frozen=True, kw_only=True):
        name: ClassVar[str] = "test.Outer"
        key_field: ClassVar[str] = "key_text"
        key_text: str
        inner: Inner

    told = '{"key_text":"k","new":[{"a":1}],"inner":{"number":3,"newer":null}}'
    assert EventCatalogue([Outer]).decode("test.Outer", 1, told) == Outer(key_text="k", inner=Inner(3))


def _event(version: int, upcasters: tuple[Any, ...] = ()) -> type[Event]:
    return type("Made", (Event,), {"name": "test.Made", "version": version, "upcasters": upcasters, "key_field": "k"})


def test_a_version_without_its_upcaster_is_refused_at_the_start() -> None:
    """A program that could not read its own log does not start."""
    with pytest.raises(ValueError, match="version 3 and has 1 upcasters"):
        EventCatalogue([_event(3, (dict,))])
    with pytest.raises(ValueError, match="Two events are called"):
        EventCatalogue([_event(1), _event(2, (dict,))])

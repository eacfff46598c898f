"""What a change of a published event breaks, and what it does not."""

from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import pytest

from comanda.engine.events import Event
from comanda.engine.events.published import BrokenVersion, complaints, published, write
from comanda.engine.events.schemas import breaks, schema_of


class Line(msgspec.Struct, frozen=True):
    """A part of an event that refers to itself."""

    item: str
    count: int = 1
    within: "Line | None" = None


class Sold(Event, frozen=True, kw_only=True):
    """Something was sold."""

    name: ClassVar[str] = "shop.Sold"
    key_field: ClassVar[str] = "sale"
    sale: str
    how: Literal["cash", "card"]
    lines: tuple[Line, ...] = ()


TODAY = schema_of(Sold)


def _changed(change: str, value: Any) -> dict[str, Any]:
    """Return today's schema with one part, named by its path, replaced (or taken out, by None)."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(TODAY))
    part: Any = copy
    *way, last = change.split("/")
    for step in way:
        part = part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return copy


BROKEN = [
    ("properties/how", None, "the field `how` of the event is gone"),
    ("properties/how/enum", ["card"], 'enum of the field `how` of the event was ["card","cash"] and is ["card"]'),
    ("properties/how/enum", ["cash", "card", "cheque"], "enum of the field `how` of the event was"),
    ("properties/sale/type", "integer", 'type of the field `sale` of the event was "string" and is "integer"'),
    ("required", ["sale"], "the field `how` of the event was always there and may now be missing"),
    ("required", ["sale", "how", "lines"], "the field `lines` of the event could be missing and is now required"),
    ("required", ["sale", "how", "till"], "the field `till` of the event is new and has no default"),
    ("$defs/Line/properties/count/default", 2, "default of the field `count` of items of the field `lines`"),
]


@pytest.mark.parametrize(("change", "value", "told"), BROKEN)
def test_a_change_that_breaks_is_told(change: str, value: Any, told: str) -> None:
    """Each kind of change that programs of two ages would stumble over is named, with its place."""
    assert any(sentence.startswith(told) for sentence in breaks(TODAY, _changed(change, value)))


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("properties/till", {"type": "string", "default": ""}),
        ("description", "Told otherwise."),
        ("$defs/Line/properties/note", {"type": "string", "default": ""}),
    ],
)
def test_a_change_that_breaks_nothing_passes(change: str, value: Any) -> None:
    """A new field with a default, and other words, are no new version."""
    assert breaks(TODAY, _changed(change, value)) == []


def test_an_event_is_itself() -> None:
    """A part that refers to itself does not send the comparison round in circles."""
    assert breaks(TODAY, schema_of(Sold)) == []


def _sold(*fields: tuple[str, type] | tuple[str, type, Any], version: int = 1, key: str = "sale") -> type[Event]:
    namespace = {"name": "shop.Sold", "version": version, "key_field": key, "upcasters": (dict,) * (version - 1)}
    made = msgspec.defstruct(
        "Sold", [("sale", str), *fields], bases=(Event,), namespace=namespace, frozen=True, kw_only=True
    )
    assert issubclass(made, Event)
    return made


def test_a_folder_keeps_what_was_published(tmp_path: Path) -> None:
    """A field more goes into the version's file; what breaks it is refused and told; a new version has its own."""
    assert [file.name for file in write([_sold()], tmp_path)] == ["shop.Sold.v1.json"]
    assert write([_sold()], tmp_path) == []
    assert [file.name for file in write([_sold(("till", str, ""))], tmp_path)] == ["shop.Sold.v1.json"]
    before = published(tmp_path)
    with pytest.raises(BrokenVersion, match=r"`till` .* is gone.*make it version 2 with an upcaster"):
        write([_sold()], tmp_path)
    with pytest.raises(BrokenVersion, match="its key was `sale` and is `till`"):
        write([_sold(("till", str, ""), key="till")], tmp_path)
    assert published(tmp_path) == before
    write([_sold(("count", int), version=2)], tmp_path)
    assert sorted(published(tmp_path)) == [("shop.Sold", 1), ("shop.Sold", 2)]


def test_a_version_that_is_gone_is_missed() -> None:
    """The file of an older version stays."""
    assert list(complaints(_sold(version=2), {})) == [
        "shop.Sold: the file of version 1 is gone; it stays, as the log's rows do."
    ]

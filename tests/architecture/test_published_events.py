"""Events that were published stay readable: the folder docs/events holds a schema for each version there ever was."""

import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

from comanda.contracts.events import EVENTS
from comanda.contracts.ordering import OrderEnded, OrderEvent
from comanda.engine.catalogue import entries
from comanda.engine.events import Event, EventCatalogue
from comanda.engine.events.published import PublishedVersion, complaints, published, today
from comanda.engine.events.schemas import schema_of
from comanda.house import build_house
from comanda.settings import Settings
from tests.fakes.instances import fullest, leanest
from tests.fakes.moved import Moved

DOCS = Path(__file__).parents[2] / "docs"
PUBLISHED = published(DOCS / "events")
CATALOGUE = EventCatalogue(EVENTS)

TABLE = re.compile(r"<!-- events -->\n(.*)<!-- /events -->", re.DOTALL)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.name)
def test_a_published_version_is_not_broken(kind: type[Event]) -> None:
    """What was learnt of an event holds; what was added to it is written down."""
    assert list(complaints(kind, PUBLISHED)) == []
    stands = PUBLISHED.get((kind.name, kind.version))
    assert stands == today(kind), "Run: .venv/bin/comanda events --write docs/events"


@pytest.mark.parametrize("version", PUBLISHED.values(), ids=lambda one: f"{one.name} {one.version}")
@pytest.mark.parametrize("instance", [leanest, fullest])
def test_every_version_ever_published_is_still_read(version: PublishedVersion, instance: Any) -> None:
    """An event that was written in any version, with all its fields or with no more than it needs, is decoded today."""
    assert CATALOGUE.decode(version.name, version.version, instance(version.schema)).name == version.name


class _Ended(OrderEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = OrderEnded.name
    because: str


def test_a_planted_break_is_told_with_what_to_do() -> None:
    """Fields taken out of a published event, and one put in without a default, do not pass."""
    (told,) = complaints(_Ended, PUBLISHED)
    assert "`status` of the event is gone; the field `reason`" in told
    assert "`because` of the event is new and has no default" in told
    assert told.endswith("Give a new field a default, or make it version 2 with an upcaster (docs/events.md).")


def test_a_planted_wrong_upcaster_is_found() -> None:
    """An older version whose upcaster does not make today's event of it is not readable."""
    first = {"type": "object", "properties": {"thing": {"type": "string"}}, "required": ["thing"]}
    with pytest.raises(KeyError, match="where"):
        EventCatalogue([Moved]).decode(Moved.name, 1, leanest(first))
    assert EventCatalogue([Moved]).decode(Moved.name, 3, fullest(schema_of(Moved))).key


def test_the_page_lists_every_event(tmp_path: Path) -> None:
    """Between its two marks, docs/events.md has the table that the house itself makes."""
    house = build_house(Settings(data=tmp_path, database_url="postgresql://nobody@localhost/none"), role="test")
    lines = ["| event | version | in order by | reaches | what it says |", "|---|---|---|---|---|"]
    for entry in entries(house.catalogue, house.consumers):
        lanes = ", ".join(f"`{lane}`" for lane in entry.consumers) or "—"
        about = entry.about.partition("\n\n")[0].replace("\n", " ")
        name = f"[`{entry.name}`](events/{entry.name}.v{entry.version}.json)"
        lines.append(f"| {name} | {entry.version} | `{entry.key}` | {lanes} | {about} |")
    table = "\n".join(lines) + "\n"
    found = TABLE.search((DOCS / "events.md").read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == table, f"Put this between the marks:\n{table}"

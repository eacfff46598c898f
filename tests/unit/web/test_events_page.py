"""The catalogue of events: the page for operators, and the AsyncAPI document."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from comanda.contracts.module import Module
from comanda.house import House, build_house
from comanda.settings import Settings
from comanda.web.access import Role, StaffMember
from comanda.web.cookies import SESSION_COOKIE
from comanda.web.events_page import LINK, PATH, EventPages
from tests.fakes.front import Browser, front

OFFICIAL = Path(__file__).parents[2] / "data" / "asyncapi" / "3.0.0.json"


class Sessions:
    """Whoever says that they have a role has it."""

    async def member(self, token: str) -> StaffMember | None:
        """Return a member whose role the token names."""
        roles: dict[str, Role] = {"kitchen": "kitchen", "operator": "operator"}
        known = frozenset({roles[token]})
        return StaffMember(id=UUID(int=1), restaurant_id=UUID(int=2), name="Ana", email="a@example.org", roles=known)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A house that is not opened."""
    return build_house(Settings(data=tmp_path, database_url="postgresql://nobody@localhost/none"), role="test")


def browser(house: House, role: str) -> Browser:
    """Return the browser of somebody who is signed in."""
    pages = Module(name="test", routes=EventPages(house.catalogue, house.consumers).routes(), staff_links=[LINK])
    opened = Browser(front([pages], Sessions()))
    opened.cookies.set(SESSION_COOKIE, role)
    return opened


async def test_the_page_lists_every_event_with_schema_publisher_and_consumers(house: House) -> None:
    """An operator finds each event, who publishes it, each lane that it reaches, and its fields however deep."""
    async with browser(house, "operator") as operator:
        page = await operator.get(PATH)
    assert page.status_code == 200
    events = {part.partition('"')[0]: part for part in page.text.split('<article class="card event" id="')[1:]}
    assert set(events) == {kind.name for kind in house.catalogue.types}
    for consumer in house.consumers:
        for name in consumer.names or events:
            assert f">{consumer.name}<" in events[name]
    assert "<dd>ordering</dd>" in events["ordering.OrderPaid"]
    assert (
        "<code>order.quote.lines[].options[].price</code></td><td>integer</td><td>yes<" in events["ordering.OrderPaid"]
    )
    assert "no lane" in events["catalog.MenuPublished"]
    assert f'href="{PATH}" aria-current="page"' in page.text


async def test_the_page_is_for_operators(house: House) -> None:
    """The kitchen's accounts do not have it."""
    async with browser(house, "kitchen") as cook:
        assert (await cook.get(PATH)).status_code == 403


async def document(house: House) -> dict[str, Any]:
    """Return the document as anybody gets it."""
    async with browser(house, "kitchen") as anybody:
        answer = await anybody.get("/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def faults(document: dict[str, Any]) -> list[str]:
    """Return what the official JSON Schema of AsyncAPI 3.0 finds wrong."""
    validator = jsonschema.Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
    return [error.message for error in validator.iter_errors(document)]


def references(part: Any) -> Iterator[str]:
    """Return all references of a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


async def test_the_document_is_asyncapi_3(house: House) -> None:
    """It fits the official schema, and each reference leads somewhere in it."""
    made = await document(house)
    assert faults(made) == []
    for reference in references(made):
        part: Any = made
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


async def test_the_document_tells_who_sends_and_who_receives(house: House) -> None:
    """Each event has its publisher's operation, and one for each lane that it reaches; no others are there."""
    made = await document(house)
    operations = {(name, operation["action"]) for name, operation in made["operations"].items()}
    sent = {(f"{kind.name.partition('.')[0]}.sends.{kind.name}", "send") for kind in house.catalogue.types}
    received = {(f"{lane.name}.receives.{name}", "receive") for lane in house.consumers for name in lane.names or ()}
    assert operations == sent | received
    assert made["operations"]["receipts.send.receives.ordering.OrderPaid"]["channel"] == {
        "$ref": "#/channels/ordering.OrderPaid"
    }
    assert made["components"]["schemas"]["OrderPaid"]["properties"]["order"] == {
        "$ref": "#/components/schemas/OrderDocument"
    }


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("asyncapi", "2.6.0"),
        ("operations/payments.charge.receives.ordering.OrderPlaced/action", "publish"),
        ("channels/ordering.OrderPaid/publish", {}),
        ("components/messages/ordering.OrderPaid.v1/payload", 7),
    ],
)
async def test_a_planted_fault_is_found(house: House, place: str, value: object) -> None:
    """The official schema is the one that is asked: what AsyncAPI 3.0 has not does not pass."""
    planted = copy.deepcopy(await document(house))
    part: Any = planted
    *way, last = place.split("/")
    for step in way:
        part = part[step]
    part[last] = value
    assert faults(planted) != []

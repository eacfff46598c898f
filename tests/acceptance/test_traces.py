"""One trace, from the click to the mail server's answer, over processes that share nothing but the log."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from comanda.house import build_house
from comanda.settings import Settings
from tests.acceptance.system import System
from tests.fakes.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver

pytestmark = pytest.mark.slow  # Every part is a process of its own, and started.

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLICK = "b7ad6b7169203331"

CAUSES = {
    "process payments.charge": "POST /api/v1/orders",
    "process ordering.payments": "process payments.charge",
    "process receipts.send": "process ordering.payments",
    "process kitchen.tickets": "process ordering.payments",
    "send mail": "process receipts.send",
    "process ordering.receipts": "process receipts.send",
}
"""What is below what."""

OWNERS = "SELECT DISTINCT consumer AS lane, owner FROM engine.cursors WHERE owner IS NOT NULL"


def _lanes(folder: Path) -> str:
    """Return the names of all lanes but those of payments."""
    house = build_house(Settings(data=folder, database_url="postgresql://nobody@localhost/none"), role="test")
    return ",".join(lane.name for lane in house.consumers if not lane.name.startswith("payments."))


@pytest.fixture
async def receiver() -> AsyncIterator[OtlpReceiver]:
    """A receiver of traces."""
    async with otlp_receiver() as listening:
        yield listening


@pytest.fixture
async def system(receiver: OtlpReceiver) -> AsyncIterator[System]:
    """A system in which one worker has the lanes of payments, and another all the rest."""
    with tempfile.TemporaryDirectory(prefix="comanda-traces-") as folder:
        commands = {
            "web-1": ("serve",),
            "worker-1": ("work", "--lanes", "payments"),
            "worker-2": ("work", "--lanes", _lanes(Path(folder, "none"))),
            "sandbox": ("sandbox",),
            "mailbox": ("mailbox",),
        }
        async with System(Path(folder), commands=commands, traces_url=receiver.url) as started:
            yield started


async def _click(system: System) -> str:
    """Place an order as a page of somebody who traces does; return its id."""
    async with httpx.AsyncClient(base_url=system.address) as client:
        menu = (await client.get("/api/v1/restaurants/demo/menu")).json()
        items = [item for category in menu["categories"] for item in category["items"]]
        item = next(item for item in items if all(group["min"] == 0 for group in item["option_groups"]))
        answer = await client.post(
            "/api/v1/orders",
            json={
                "restaurant": "demo",
                "customer": {"name": "Ada", "email": "ada@example.com", "phone": "+12125550123"},
                "fulfilment": {"type": "pickup"},
                "lines": [{"item": item["id"], "quantity": 1, "options": []}],
            },
            headers={"traceparent": f"00-{TRACE}-{CLICK}-01", "x-request-id": "the-click-of-ada"},
        )
    assert answer.status_code == 201, answer.text
    order: dict[str, str] = answer.json()
    return order["id"]


def _of_trace(spans: list[ReceivedSpan]) -> dict[str, ReceivedSpan]:
    return {span.name: span for span in spans if span.trace_id == TRACE}


async def test_one_trace_runs_from_the_click_to_the_mail_servers_answer(system: System, receiver: OtlpReceiver) -> None:
    """Web, charge, the order's own lane, receipt and SMTP are spans of the caller's trace, each below what caused it.

    The lanes of payments run in a process of their own: an order is completed over processes that talk by events alone.
    """
    order_id = await _click(system)
    await receiver.until(lambda spans: {"POST /api/v1/orders", *CAUSES} <= _of_trace(spans).keys())
    await system.drained()
    found = _of_trace(receiver.spans)
    ids = {span.span_id: span.name for span in found.values()}

    click = found["POST /api/v1/orders"]
    assert (click.parent_id, click.service) == (CLICK, "comanda web")
    assert click.attributes["http.response.status_code"] == 201
    assert click.attributes["comanda.request_id"] == "the-click-of-ada"
    assert {name: ids[found[name].parent_id] for name in CAUSES} == CAUSES
    assert found["send mail"].attributes["comanda.mail.answer"].startswith("250 ")
    assert {found[name].attributes["comanda.key"] for name in CAUSES if name != "send mail"} == {order_id}
    assert {span.service for span in found.values()} == {"comanda web", "comanda worker"}
    assert not any(span.failed for span in found.values())

    owners = await system.house.database.fetch(OWNERS)
    lanes = [{row["lane"] for row in owners if row["owner"] == one} for one in {row["owner"] for row in owners}]
    payments, rest = sorted(lanes, key=len)
    assert all(lane.startswith("payments.") for lane in payments)
    assert not any(lane.startswith("payments.") for lane in rest)
    assert payments | rest == {lane.name for lane in system.house.consumers}

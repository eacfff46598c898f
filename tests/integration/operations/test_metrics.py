"""The figures for Prometheus: the table in docs/metrics.md is what is answered, and not everybody is."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar.types import ASGIApp
from prometheus_client.parser import text_string_to_metric_families

from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.horizon import HorizonHolder
from comanda.engine.monitoring import overview
from comanda.operations.metrics import exposition
from comanda.web.tally import RequestTally
from tests.fakes.clock import FakeClock
from tests.fakes.front import ADDRESS, front
from tests.fakes.lanes import until, working
from tests.integration.operations.conftest import Sessions, emit, room

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
TABLE = re.compile(r"<!-- metrics -->\n(.*)<!-- /metrics -->", re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (gauge|counter|histogram) \|(.*?)\|", re.MULTILINE)

HOLDER = HorizonHolder(
    pid=7, prepared=None, application='a "tool"', state="idle", age_s=12.5, waiting_s=3.0, query="SELECT"
)

Contract = Mapping[str, tuple[str, frozenset[str]]]
"""Type and labels of each family, by name."""

TOKEN = "a token of many characters"


def documented(text: str) -> Contract:
    """Return what the document promises."""
    found = TABLE.search(text)
    assert found is not None
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(found[1])}


def answered(text: str) -> Contract:
    """Return what an exposition holds."""
    return {
        family.name: (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels if label != "le"),
        )
        for family in text_string_to_metric_families(text)
    }


def samples(text: str) -> dict[str, float]:
    """Return the samples by name and labels."""
    return {
        " ".join([sample.name, *sorted(sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def tally() -> RequestTally:
    """Return the tally of a process that has answered one request."""
    clock = FakeClock()
    tally = RequestTally(clock)
    began_s = tally.now()
    clock.advance(0.03)
    tally.add("/api/v1/orders", 201, began_s)
    return tally


@pytest.fixture
async def told(database: Database, log: EventLog, ring: Consumer, count: Consumer) -> str:
    """Return the exposition of a house with everything in it: lanes, a worker, a held horizon."""
    await emit(database, log, "a", "b")
    async with working(database, ring):

        async def greeted() -> bool:
            return len((await overview(database, [ring])).workers) == 1

        await until(greeted)
        seen = await overview(database, [ring, count])
    return exposition(msgspec.structs.replace(seen, horizon=HOLDER), tally(), "text/plain")[0].decode()


async def test_the_document_tells_what_is_answered(told: str) -> None:
    """Every family stands in the table with its type and labels, and every row is answered."""
    assert answered(told) == documented(DOCUMENT.read_text(encoding="utf-8"))


async def test_a_missing_row_and_a_wrong_label_are_seen(told: str) -> None:
    """Planted: a table without a row, with a row too many, or with another label, is not the contract."""
    text = DOCUMENT.read_text(encoding="utf-8")
    row = "| `comanda_lane_paused` | gauge | `lane` |"
    for planted in ("", f"{row} x |\n{row.replace('paused', 'sleeping')}", row.replace("`lane`", "`name`")):
        assert answered(told) != documented(text.replace(row, planted))


async def test_the_figures_are_those_of_the_overview(told: str) -> None:
    """Backlogs, the culprit with its age and its odd name, and counters with their suffix."""
    found = samples(told)
    assert found["comanda_lane_backlog_events bells.count"] == 2
    assert found['comanda_horizon_holder_age_seconds 7 a "tool"'] == 12.5
    assert found["comanda_horizon_held"] == 1
    assert "comanda_lane_handled_events_total bells.ring" in found
    assert found["comanda_lane_parked_events bells.ring dead"] == 0


async def test_requests_are_counted_by_kind(told: str) -> None:
    """By status; and by how soon the answer began, in buckets that hold all smaller ones."""
    process = str(os.getpid())
    found = samples(told)
    assert found[" ".join(["comanda_web_requests_total", *sorted([process, "api", "2xx"])])] == 1
    soon = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == "comanda_web_answer_seconds_bucket"
    }
    assert [soon[bound] for bound in ("0.01", "0.025", "0.05", "5.0", "+Inf")] == [0, 0, 1, 1, 1]


def module(database: Database, ring: Consumer, token: str = "") -> Module:
    """Return the room."""
    return room(database, ring, token=token)


async def ask(app: ASGIApp, path: str = "/metrics", *, host: str = "127.0.0.1", **headers: str) -> httpx.Response:
    """Ask from an address."""
    transport = httpx.ASGITransport(app=app, client=(host, 5000))  # type: ignore[arg-type]  # the same ASGI
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        return await client.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})


async def test_without_a_token_only_this_machine_may_ask(database: Database, ring: Consumer) -> None:
    """Directly: neither another machine, nor one behind a proxy on this one."""
    app = front([module(database, ring)], Sessions())
    answer = await ask(app)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "comanda_lane_backlog_events" in answer.text
    assert (await ask(app, host="::ffff:127.0.0.1")).status_code == 200
    for asked in (
        ask(app, host="203.0.113.7"),
        ask(app, x_forwarded_for="203.0.113.7"),
        ask(app, forwarded="for=203.0.113.7"),
        ask(app, host="unknown"),
    ):
        assert (await asked).status_code == 403


async def test_a_token_opens_to_whoever_brings_it(database: Database, ring: Consumer) -> None:
    """From everywhere with it, from nowhere without it; a signed-in operator needs none at the room's own page."""
    app = front([module(database, ring, TOKEN)], Sessions())
    for headers, status in (
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"Bearer {TOKEN}x"}, 401),
        ({}, 401),
    ):
        assert (await ask(app, host="203.0.113.7", **headers)).status_code == status
    assert (await ask(app)).status_code == 401
    assert (await ask(app, "/ops/metrics", cookie="comanda_session=operator")).status_code == 200
    assert (await ask(app, "/ops/metrics", cookie="comanda_session=cook")).status_code == 403


async def test_openmetrics_for_those_who_prefer_it(database: Database, ring: Consumer) -> None:
    """The answer is in the form that was asked for."""
    app = front([module(database, ring)], Sessions())
    answer = await ask(app, accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.rstrip().endswith("# EOF")

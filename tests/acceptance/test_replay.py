"""The main job on real orders: a whole file of them, each clicked four times, made, paid, cooked and receipted once."""

import json
from pathlib import Path

import pytest

from comanda.engine.database.embedded import running_url
from comanda.house import build_house
from comanda.settings import Settings
from tests.acceptance.waiting import drained
from tests.fakes.running_box import run, running_box

pytestmark = pytest.mark.slow  # A thousand orders go through real processes.

ORDERS = 1000
CENTS = 1_879_640
CLICKS = 4

MOST_S = 60.0
"""The whole file is placed in a minute, on a machine that does other things as well."""


async def test_a_thousand_real_orders_are_made_once_each(shared_data: Path, data: Path) -> None:
    """Four clicks, a cut connection, its retry and a reload each: 1,000 orders, charges, tickets and receipts."""
    with running_box(data):
        told = run("replay", str(shared_data / "orders.tsv"), "--data", str(data), "--seed", "7", "--json")
        report = json.loads(told[1])
        assert (told[0], report["problems"]) == (0, [])
        assert (report["orders"], report["total"]) == (ORDERS, CENTS)
        assert report["stored"] == {"orders": ORDERS, "total": CENTS}
        assert report["conflicts"] == report["cuts"] == ORDERS
        assert report["fresh"] + report["replays"] == ORDERS * (CLICKS + 1)
        assert report["seconds"] < MOST_S
        await _drained(data)
        status, output, errors = run("audit", "--data", str(data), "--age", "0s", "--json")
        audit = json.loads(output)
        assert status == 0, (errors, [invariant for invariant in audit["invariants"] if invariant["wrong"]])
        totals = {name: audit["totals"][name] for name in ("orders", "charges", "tickets", "receipts", "mails")}
        assert totals == dict.fromkeys(totals, ORDERS)


async def _drained(data: Path) -> None:
    url = running_url(data)
    assert url is not None
    house = build_house(Settings(data=data, database_url=url), role="test", connections=2)
    await house.database.start()
    try:
        await drained(house.database, house.consumers)
    finally:
        await house.database.stop()

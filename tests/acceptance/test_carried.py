"""The main job with a carrier between the log and the lanes, and a worker that is killed meanwhile."""

import itertools
import json
from pathlib import Path

import pytest

from comanda.engine.database.embedded import running_url
from comanda.house import build_house
from comanda.settings import Settings
from tests.acceptance.waiting import drained
from tests.fakes.moto_process import MotoProcess
from tests.fakes.running_box import run, running_box
from tests.servers.kafka.broker import KafkaBroker, started_broker
from tests.servers.servers import Servers

pytestmark = pytest.mark.slow  # Orders go through real processes and a carrier's server.

LINES = 100
ORDERS = 44
"""What the file's first lines hold."""


async def test_orders_are_made_once_each_over_kafka(
    shared_data: Path, data: Path, tmp_path: Path, servers: Servers
) -> None:
    """Two workers, one of them killed in the middle: each order, charge, ticket and receipt is there once."""
    broker: KafkaBroker = await servers.get("kafka", started_broker)
    await _made_once_each(f"kafka://{broker.servers}/comanda.acceptance?session_s=2", shared_data, data, tmp_path)


async def test_orders_are_made_once_each_over_sns_and_sqs(
    shared_data: Path, data: Path, tmp_path: Path, servers: Servers
) -> None:
    """The same, with a queue for each lane."""
    moto: MotoProcess = await servers.get("moto", MotoProcess.started)
    await _made_once_each(moto.url("acceptance", fifo=True), shared_data, data, tmp_path)


async def _made_once_each(url: str, shared_data: Path, data: Path, tmp_path: Path) -> None:
    environ = {"COMANDA_EVENTS_URL": url, "COMANDA_WORKER_PROCESSES": "2"}
    orders = tmp_path / "orders.tsv"
    with (shared_data / "orders.tsv").open() as file:
        orders.write_text("".join(itertools.islice(file, LINES + 1)))
    with running_box(data, environ=environ) as box:
        told = run("replay", str(orders), "--data", str(data), "--seed", "7", "--json", environ=environ)
        report = json.loads(told[1])
        assert (told[0], report["problems"], report["orders"]) == (0, [], ORDERS)
        box.kill(box.child("worker-1"))
        await _drained(data, url)
        status, output, errors = run("audit", "--data", str(data), "--age", "0s", "--json", environ=environ)
        audit = json.loads(output)
        assert status == 0, (errors, [invariant for invariant in audit["invariants"] if invariant["wrong"]])
        totals = {name: audit["totals"][name] for name in ("orders", "charges", "tickets", "receipts", "mails")}
        assert totals == dict.fromkeys(totals, ORDERS)


async def _drained(data: Path, url: str) -> None:
    database_url = running_url(data)
    assert database_url is not None
    house = build_house(Settings(data=data, database_url=database_url, events_url=url), role="test", connections=2)
    await house.database.start()
    try:
        await drained(house.database, house.consumers)
    finally:
        await house.database.stop()

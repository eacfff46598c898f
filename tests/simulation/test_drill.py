"""A short drill of every sort of fault, and its verdict doctored afterwards.

The links of the drill run in the tests' own event loop: nothing here may block it.
"""

import json
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from comanda.drill.drill import Drill
from comanda.drill.plan import FIRST, plan
from comanda.drill.report import Report
from comanda.engine.clock import SystemClock
from comanda.house import build_house

pytestmark = pytest.mark.slow  # A whole system of real processes is started, hurt and drained.

SEED = 20
PATIENCE_S = 60


@pytest.fixture(scope="module")
async def drilled() -> AsyncIterator[Drill]:
    """A drill that has been played and drained; its system still runs."""
    # Outside pytest's own folder, which another run of pytest would close to the database server's user.
    with tempfile.TemporaryDirectory(prefix="comanda-drill-test-") as folder:
        faults = plan(SEED, len(FIRST), pace_s=0.8)
        async with Drill(faults, seed=SEED, folder=Path(folder), clock=SystemClock()) as drill:
            await drill.play()
            await drill.drain()
            yield drill


async def test_nothing_is_lost_or_doubled_by_a_fault_of_each_sort(drilled: Drill) -> None:
    """Webs, workers and the provider are killed, PostgreSQL stopped, a worker paused beyond its lease, links cut."""
    report = await drilled.count()
    assert report.good, _told(report)
    assert report.struck == len(FIRST)
    counts = report.counts
    assert counts.answered == counts.intents - counts.left > 50
    assert counts.paid == counts.charges == counts.tickets == counts.mails > 40
    assert counts.stored == counts.answered + counts.unanswered == counts.paid + counts.declined
    assert report.broken == ()


async def test_a_charge_that_is_missing_from_the_ledger_is_found(drilled: Drill) -> None:
    """The order is told as lost, with its story: what the guest did, what the log and the payment say."""
    ledger = drilled.system.settings.data / "sandbox.sqlite3"
    one = _value(ledger, "SELECT id FROM movements WHERE kind = 'charge' AND state = 'succeeded' LIMIT 1")
    _do(ledger, "UPDATE movements SET state = 'failed' WHERE id = ?", one)
    try:
        report = await drilled.count()
    finally:
        _do(ledger, "UPDATE movements SET state = 'succeeded' WHERE id = ?", one)
    assert (report.lost, report.doubled, report.good) == (1, 0, False)
    assert report.audit_wrong > 0
    assert {moment.place for moment in report.broken[0].timeline} >= {
        "guest",
        "attempts",
        "log",
        "order",
        "payment",
        "ledger",
        "webhook",
        "kitchen",
        "receipt",
        "journal",
        "mail log",
    }
    assert (await drilled.count()).good


async def test_a_second_charge_is_found(drilled: Drill) -> None:
    """A payment that the provider has charged twice is doubled, whatever the database says."""
    ledger = drilled.system.settings.data / "sandbox.sqlite3"
    copied = "subject, charge, amount, currency, method, state, reason, refunded, at"
    _do(
        ledger,
        f"INSERT INTO movements (id, kind, {copied}) SELECT 'ch_doctored', kind, {copied} FROM movements "
        "WHERE kind = 'charge' AND state = 'succeeded' LIMIT 1",
    )
    try:
        report = await drilled.count()
    finally:
        _do(ledger, "DELETE FROM movements WHERE id = 'ch_doctored'")
    assert (report.lost, report.doubled, report.good) == (0, 1, False)
    charges = [moment.what for moment in report.broken[0].timeline if moment.place == "ledger"]
    assert sum("succeeded" in charge for charge in charges) == 2


async def test_a_receipt_that_has_arrived_twice_is_found(drilled: Drill) -> None:
    """The mail server's log tells, and nothing else could."""
    log = drilled.system.settings.data / "mailbox.sqlite"
    copied = "received_at, envelope_from, envelope_to, message_id, sender, recipients, subject, preview, size, raw"
    _do(log, f"INSERT INTO mails (id, {copied}) SELECT 999999, {copied} FROM mails LIMIT 1")
    try:
        report = await drilled.count()
    finally:
        _do(log, "DELETE FROM mails WHERE id = 999999")
    assert (report.lost, report.doubled, report.good) == (0, 1, False)
    assert [moment.place for moment in report.broken[0].timeline].count("mail log") == 2


async def test_an_order_that_is_gone_from_the_database_is_found(drilled: Drill) -> None:
    """A guest has a 201 for it, and that stands outside; one who left before the answer has none."""
    told = [order for intent in drilled.intents() for order in intent.orders]
    house = build_house(drilled.system.settings, role="test", connections=2)
    async with house.opened():
        guest = await house.database.fetch_value(
            "UPDATE ordering.orders o SET guest = jsonb_set(o.guest, '{email}', '\"x@example.com\"') "
            "FROM (SELECT id, guest FROM ordering.orders WHERE paid_at IS NOT NULL AND id::text = ANY ($1) LIMIT 1) "
            "AS old WHERE o.id = old.id RETURNING json_build_object('id', o.id, 'guest', old.guest)::text",
            told,
        )
        try:
            report = await drilled.count()
        finally:
            await house.database.fetch_value(
                "UPDATE ordering.orders SET guest = $1::text::jsonb -> 'guest' "
                "WHERE id = ($1::text::jsonb ->> 'id')::uuid RETURNING id",
                guest,
            )
    assert report.lost >= 1
    assert not report.good
    assert json.loads(guest)["id"] in {broken.finding.order for broken in report.broken}


def _told(report: Report) -> str:
    findings = [finding.message for finding in report.findings]
    return "\n".join([*findings, *report.undrained, *report.ended, *report.crashes, *report.audit])


def _do(path: Path, sql: str, *arguments: str) -> None:
    with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as file, file:
        file.execute(sql, arguments)


def _value(path: Path, sql: str) -> str:
    with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as file:
        return str(file.execute(sql).fetchone()[0])

"""Payments in the real lanes: many orders, a provider that misbehaves, webhooks on top; in the end money is counted."""

import asyncio
from collections import Counter

import pytest

from comanda.contexts.payments import module
from comanda.contexts.payments.policy import Policy
from comanda.contexts.payments.providers import LedgerEntry
from comanda.contexts.payments.sandbox.wire import Faults
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.engine.ids import RandomIds
from comanda.engine.lanes.worker import Worker
from comanda.engine.service import running
from tests.fakes.sandbox_process import SandboxProcess
from tests.integration.payments.door import door
from tests.integration.payments.house import CATALOGUE, House

METHODS = (
    "",
    "4242424242424242",
    "pm_sandbox_timeout_once",
    "pm_sandbox_down_once",
    "pm_sandbox_later",
    "4000000000000002",
)
DECLINED = "4000000000000002"

OVER = """
SELECT count(*) FROM payments.payments
WHERE state IN ('failed', 'void') OR state = 'captured' AND (
    NOT (order_id = ANY ($1::uuid[])) OR order_ended AND refunded = captured
)
"""


@pytest.mark.slow  # time-outs are waited for, and webhooks are repeated
async def test_every_order_is_charged_once_and_every_ended_one_refunded_once(
    database: Database, sandbox: SandboxProcess
) -> None:
    """60 orders over six kinds of cards, a third cancelled at once, two workers, webhooks twice and out of order."""
    provider = sandbox.provider(timeout_s=1.0)
    await sandbox.misbehave(Faults(webhooks_twice=True, webhooks_out_of_order=True))
    policy = Policy(quiet_s=1.0)
    log = EventLog(Waker(database))
    clock, ids = SystemClock(), RandomIds()
    built = module.build(database=database, events=log, clock=clock, ids=ids, provider=provider, policy=policy)
    house = House(database, provider)
    workers = [
        Worker(database, CATALOGUE, built.consumers, clock=clock, ids=ids, periodic=built.periodic, poll_s=0.1)
        for _ in range(2)
    ]
    orders = [house.placed(total=1000 + n, method=METHODS[n % len(METHODS)]) for n in range(60)]
    ended = orders[::3]
    ended_ids = [order.order_id for order in ended]
    await house.emit(*orders)
    async with door(house) as address, running(workers):
        await sandbox.send_webhooks_to(f"{address}sandbox")
        await house.emit(*(house.ended(order.order_id) for order in ended))
        async with asyncio.timeout(60):
            # Workers give no signal when all is done, as in life.
            while await database.fetch_value(OVER, ended_ids) < len(orders):  # noqa: ASYNC110 - as told
                await asyncio.sleep(0.05)
    entries = [entry async for entry in provider.ledger()]
    await provider.stop()
    facts = await database.fetch("SELECT key, name FROM engine.events WHERE name LIKE 'payments.%'")
    told = Counter((row["key"], row["name"]) for row in facts)
    assert max(told.values()) == 1
    for order in orders:
        payment = await house.payment(order.order_id)
        charged = _moved(entries, "charge", payment["id"])
        refunds = [
            amount for row in await house.refund_rows(order.order_id) for amount in _moved(entries, "refund", row["id"])
        ]
        total = order.order.quote.total
        assert charged == ([total] if payment["state"] == "captured" else [])
        assert refunds == ([total] if payment["state"] == "captured" and order in ended else [])
        if order not in ended:
            assert payment["state"] == ("failed" if order.order.payment_method == DECLINED else "captured")


def _moved(entries: list[LedgerEntry], kind: str, subject: object) -> list[int]:
    return [e.amount for e in entries if (e.kind, e.subject, e.state) == (kind, subject, "succeeded")]

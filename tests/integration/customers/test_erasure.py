"""Erasing one person takes them out of every context, and leaves the books as they were."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from comanda.contexts.customers.erasure import PersonalData
from comanda.contexts.kitchen import module as kitchen
from comanda.contexts.ordering.erasure import erasure as ordering_erasure
from comanda.contexts.receipts.erasure import erasure as receipts_erasure
from comanda.contracts.campaigns import Resubscribed, Unsubscribed
from comanda.contracts.events import EVENTS
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.events import EventCatalogue, EventLog, Waker
from comanda.engine.files import LocalFileStore
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Consumer, Worker
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.lanes import drained
from tests.fakes.orders import RESTAURANT, order_paid
from tests.integration.customers.desk import customers_module
from tests.integration.customers.test_history import Sessions
from tests.integration.receipts.office import Office, smtp_mailer

ANA = UUID(int=99)

INSERT_ORDER = """
INSERT INTO ordering.orders (id, restaurant_id, number, form_hash, copy, status, customer_id, guest, fulfilment,
    fulfilment_type, due_at, currency, items, discount, tax, tax_added, fee, tip, total, menu_version, note,
    payment_method, idempotency_scope, idempotency_key, placed_at, paid_at)
VALUES ($1, $2, 1001, '\\x00112233445566778899aabbccddeeff', 1, 'completed', $3,
    '{"name": "Ana Sousa", "email": "ana@example.org", "phone": "+351912345678"}',
    '{"type": "delivery", "asap": true, "due_at": "2026-01-01T00:00:00Z", "address": {"street": "Rua Augusta 1",
      "city": "Lisboa", "postcode": "1100-048"}}',
    'delivery', $4, 'EUR', 2500, 0, 163, 0, 0, 100, 2600, 1, 'Ring twice', '', $1, 'key', $4, $4)
"""

EVERYWHERE = """
SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'
"""

LOG = ("engine.events", "engine.timers")
"""The log forgets by itself, by days (docs/operations.md)."""


@pytest.fixture
async def office(database: Database, tmp_path: Path) -> AsyncIterator[Office]:
    """A worker's receipts, with nobody to send them to."""
    office = Office(database, tmp_path, smtp_mailer(9))
    yield office
    await office.courier.stop()


async def where_is(database: Database, text: str) -> list[str]:
    """Return the tables in which `text` stands anywhere, without the log's."""
    found = []
    for row in await database.fetch(EVERYWHERE):
        name = row["name"]
        if not name.startswith(LOG) and await database.fetch(
            f"SELECT FROM {name} AS t WHERE position($1 IN t::text) > 0 LIMIT 1", text
        ):
            found.append(name)
    return found


async def test_a_person_is_erased_everywhere(
    database: Database, office: Office, tmp_path: Path, clock: FakeClock
) -> None:
    """After the lanes have run, no table and no file has name, address or mail; the amounts are as they were."""
    log, ids = EventLog(Waker(database)), RandomIds()
    files = LocalFileStore(tmp_path / "files", clock=SystemClock())
    paid = order_paid(UUID(int=1), clock.now() - timedelta(days=30), fulfilment="delivery")
    customers = customers_module(database, tmp_path)
    consumers: list[Consumer] = [
        *(one for one in customers.consumers if one.name == "customers.history"),
        *kitchen.build(database=database, log=log, clock=clock, ids=ids).consumers,
        ordering_erasure(log),
        receipts_erasure(files),
    ]
    async with database.transaction() as tx:
        await tx.execute(INSERT_ORDER, paid.order_id, RESTAURANT, ANA, paid.paid_at)
        await log.emit(tx, paid)
        work = await office.receipts.claim(tx, paid)
    assert work is not None
    for name in ("receipts/a.html", "receipts/a.txt"):
        await files.put(name, b"Ana Sousa")
    await database.run(
        lambda tx: tx.execute(
            "UPDATE receipts.receipts SET html_file = 'receipts/a.html', text_file = 'receipts/a.txt'"
        )
    )
    worker = Worker(database, EventCatalogue(EVENTS), consumers, clock=SystemClock(), ids=ids)
    await worker.start()
    try:
        await drained(database, *consumers)
        assert set(await where_is(database, "ana@example.org")) == {
            "customers.customers",
            "kitchen.tickets",
            "ordering.orders",
            "receipts.receipts",
        }
        await PersonalData(database, log, clock).erase(RESTAURANT, ANA, who="test")
        await drained(database, *consumers)
    finally:
        await worker.stop()
    for text in ("ana@example.org", "Ana Sousa", "912345678", "Rua Augusta", "Ring twice", "well done"):
        assert await where_is(database, text) == []
    assert [info async for info in files.list("receipts/")] == []
    (order,) = await database.fetch("SELECT total, tip, customer_id FROM ordering.orders")
    assert tuple(order.values()) == (2600, 100, ANA)
    with pytest.raises(Refused):
        await PersonalData(database, log, clock).erase(RESTAURANT, ANA, who="test")


async def test_who_has_just_ordered_is_not_erased_yet(database: Database, tmp_path: Path, clock: FakeClock) -> None:
    """Somebody may be on the way to them; the page says to do it later. Another restaurant cannot do it at all."""
    module = customers_module(database, tmp_path, clock=clock)
    history = next(one for one in module.consumers if one.name == "customers.history")
    assert history.handle is not None
    async with database.transaction() as tx:
        await history.handle(tx, order_paid(UUID(int=1), clock.now() - timedelta(hours=23)))
    page = f"/staff/customers/{ANA}/erase"
    async with Browser(front([module], Sessions())) as browser:
        browser.cookies.set(SESSION_COOKIE, "owner", domain="demo.example")
        told = await browser.submit(page, page, {})
        assert (told.status_code, "less than a day old" in told.text) == (409, True)
        exported = json.loads((await browser.get(f"/staff/customers/{ANA}/export")).text)
        assert exported["customer"]["email"] == "ana@example.org"
        assert [order["total"] for order in exported["orders"]] == [2600]
        clock.advance(2 * 3600)
        assert (await browser.submit(page, page, {})).url.path == "/staff/customers"
        assert (await browser.get(f"/staff/customers/{ANA}")).status_code == 404
        browser.cookies.set(SESSION_COOKIE, "marketer", domain="demo.example")
        assert (await browser.get(page)).status_code == 403


async def test_leaving_and_coming_back_is_written_down(database: Database, tmp_path: Path, clock: FakeClock) -> None:
    """What campaigns hear from a customer stands in the customer's row and in the record, once for each time."""
    module = customers_module(database, tmp_path, clock=clock)
    handles = {one.name: one.handle for one in module.consumers}
    history, consent = handles["customers.history"], handles["customers.consent"]
    assert history is not None
    assert consent is not None
    left = Unsubscribed(customer_id=ANA, restaurant_id=RESTAURANT, why="unsubscribed", at=clock.now(), campaign=3)
    back = Resubscribed(customer_id=ANA, restaurant_id=RESTAURANT, at=clock.now() + timedelta(hours=1), campaign=3)
    async with database.transaction() as tx:
        await history(tx, order_paid(UUID(int=1), clock.now()))
        await consent(tx, left)
        (row,) = await tx.fetch("SELECT unsubscribed_at FROM customers.customers")
        assert row["unsubscribed_at"] == left.at
        await consent(tx, back)
        nobody = UUID(int=1)
        await consent(tx, Unsubscribed(customer_id=nobody, restaurant_id=RESTAURANT, why="bounced", at=clock.now()))
    (row,) = await database.fetch("SELECT unsubscribed_at, marketing_consent_at, version FROM customers.customers")
    assert tuple(row.values()) == (None, back.at, 3)
    record = await database.fetch("SELECT what, detail FROM customers.consents ORDER BY id")
    assert [tuple(each.values()) for each in record] == [("withdrawn", "campaign 3"), ("given", "campaign 3")]

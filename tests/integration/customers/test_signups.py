"""Signing up for news by double opt-in: one mail, one button, one consent, whoever clicks how often."""

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from comanda.contracts.customers import CustomersChanged, customer_id
from comanda.contracts.events import EVENTS
from comanda.contracts.module import Module
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventCatalogue
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Worker
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.lanes import drained
from tests.fakes.orders import RESTAURANT
from tests.fakes.smtp_server import ScriptedSmtp
from tests.integration.customers.desk import SEALS, customers_module
from tests.integration.customers.test_history import Sessions

FORM = "/r/demo/news"
LINK = re.compile(r"https://demo.example(/news/\S+)")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    """A mail server without orders."""
    server = ScriptedSmtp()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def module(database: Database, server: ScriptedSmtp, tmp_path: Path) -> Module:
    """The context of customers, whose mails go to the server."""
    return customers_module(database, tmp_path, smtp_port=server.port)


@pytest.fixture
async def worker(database: Database, module: Module) -> AsyncIterator[Worker]:
    """A worker that runs the context's lanes."""
    worker = Worker(database, EventCatalogue(EVENTS), module.consumers, clock=SystemClock(), ids=RandomIds())
    await worker.start()
    yield worker
    await worker.stop()


async def link_in(database: Database, module: Module, server: ScriptedSmtp) -> str:
    """Return the link in the last mail, once all are sent."""
    await drained(database, *module.consumers)
    mail = email.message_from_bytes(server.accepted[-1], policy=email.policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    found = LINK.search(body.get_content())
    assert found is not None
    return found[1]


@pytest.mark.usefixtures("worker")
async def test_a_consent_is_given_from_the_mailbox_once(
    database: Database, module: Module, server: ScriptedSmtp
) -> None:
    """Four clicks ask, one mail comes, looking at it changes nothing, four clicks agree: one customer, one consent."""
    async with Browser(front([module], Sessions())) as browser:
        asked = {"email": " Bo@Example.org ", "name": "Bo\u202e\r\nBcc: x@example.org"}
        pages = await asyncio.gather(*(browser.submit(FORM, FORM, asked) for _ in range(4)))
        assert all("on its way" in page.text for page in pages)
        link = await link_in(database, module, server)
        assert len(server.accepted) == 1
        assert "Yes, send me news" in (await browser.get(link)).text
        assert await database.fetch("SELECT FROM customers.customers") == []
        agreed = await asyncio.gather(*(browser.submit(link, link, {}) for _ in range(4)))
        assert all("You are on the list" in page.text for page in agreed)
    (row,) = await database.fetch("SELECT * FROM customers.customers")
    assert (row["id"], row["email"]) == (customer_id(SEALS, RESTAURANT, "bo@example.org"), "bo@example.org")
    assert (row["marketing_consent_source"], row["orders"]) == ("sign-up page", 0)
    record = await database.fetch("SELECT what, source, detail FROM customers.consents ORDER BY id")
    assert [tuple(each.values()) for each in record] == [
        ("asked", "sign-up page", "203.0.113.7"),
        ("given", "sign-up page", "203.0.113.7"),
    ]
    told = await database.fetch("SELECT payload FROM engine.events WHERE name = 'customers.CustomersChanged'")
    (change,) = (msgspec.json.decode(each["payload"], type=CustomersChanged) for each in told)
    assert change.customer_ids == (row["id"],)


@pytest.mark.usefixtures("worker")
async def test_nobodys_mailbox_is_filled(
    database: Database, module: Module, server: ScriptedSmtp, tmp_path: Path, clock: FakeClock
) -> None:
    """An address gets one mail an hour and three a day, whoever asks; the page says the same each time."""
    patient = customers_module(database, tmp_path, smtp_port=server.port, clock=clock)
    async with Browser(front([patient], Sessions())) as browser:
        for _ in range(6):
            for _ in range(2):
                assert "on its way" in (await browser.submit(FORM, FORM, {"email": "bo@example.org"})).text
            clock.advance(3700)
        await drained(database, *module.consumers)
        assert len(server.accepted) == 3
        clock.advance(timedelta(days=8).total_seconds())
        link = await link_in(database, module, server)
        old = await browser.get(link)
        assert (old.status_code, "older than seven days" in old.text) == (404, True)


@pytest.mark.usefixtures("database")
async def test_what_is_wrong_is_told(module: Module) -> None:
    """An address that is none, a restaurant that is not there, a token that we did not make."""
    async with Browser(front([module], Sessions())) as browser:
        wrong = await browser.submit(FORM, FORM, {"email": "bo@"})
        assert (wrong.status_code, "such as ann@example.com" in wrong.text) == (422, True)
        assert (await browser.get("/r/nowhere/news")).status_code == 404
        for token in ("x", SEALS.token("another purpose", b"0" * 16)):
            assert (await browser.get(f"/news/{token}")).status_code == 404

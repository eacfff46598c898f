"""Imports write each line once, fill and renew, and take nothing away that somebody said themselves."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from comanda.contexts.customers.importing import chunks, service
from comanda.contexts.customers.importing.files import LocalFile
from comanda.contexts.customers.importing.writing import Counts
from comanda.contexts.customers.service import Customers
from comanda.contracts.customers import customer_id
from comanda.contracts.ordering import GuestDetails
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.engine.idempotency import Seals
from tests.fakes.orders import order_paid
from tests.integration.customers.importer import RESTAURANT, SECRET, Importer, people

EVENTS = "SELECT name, payload FROM engine.events ORDER BY id"
CONSENTS = "SELECT c.what, c.source, c.detail, c.at, p.email FROM customers.consents c JOIN customers.customers p ON p.id = c.customer_id ORDER BY c.id"  # noqa: E501


@pytest.fixture
def importer(database: Database, tmp_path: Path) -> Importer:
    """Return the imports."""
    return Importer(database, tmp_path)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut lists into chunks of ten rows."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 10)


@pytest.mark.usefixtures("small_chunks")
async def test_a_list_is_written_with_all_that_it_says(importer: Importer) -> None:
    """Customers, consents and the events that tell of them, over several chunks, each event of a chunk's ids."""
    row = await importer.take(people(25))
    assert row.state == "finished"
    assert row.counts == Counts(rows=25, made=25)
    assert row.place.offset == row.size_bytes
    customers = await importer.customers()
    assert len(customers) == 25
    ann = customers["guest3@example.com"]
    assert ann["id"] == customer_id(Seals(SECRET), RESTAURANT, "guest3@example.com")
    assert (ann["name"], ann["marketing_consent_source"], ann["version"]) == ("Guest 3", "list.csv", 1)
    assert ann["marketing_consent_at"] == ann["imported_at"] == row.created_at
    consents = await importer.database.fetch(CONSENTS)
    assert len(consents) == 25
    assert (consents[3]["what"], consents[3]["source"], consents[3]["detail"]) == (
        "given",
        "list.csv",
        f"import {row.id}",
    )
    events = await importer.database.fetch(EVENTS)
    told = [UUID(one) for event in events for one in msgspec.json.decode(event["payload"])["customer_ids"]]
    assert [event["name"] for event in events] == ["customers.CustomersChanged"] * 3
    assert sorted(told) == sorted(customer["id"] for customer in customers.values())


@pytest.mark.usefixtures("small_chunks")
async def test_lines_of_one_address_count_as_merged_across_chunks(importer: Importer) -> None:
    """Within a chunk and across two, the later line's values win, and the sums agree."""
    lines = "".join(f"guest{n % 12}@example.com,Name {n}\n" for n in range(30)) + "nobody,\n"
    row = await importer.take(f"email,name\n{lines}".encode())
    assert row.counts == Counts(rows=31, made=12, merged=18, refused=1)
    customers = await importer.customers()
    assert customers["guest5@example.com"]["name"] == "Name 29"
    again = await importer.take(f"email,name\n{lines}".encode(), name="again.csv")
    assert again.counts == Counts(rows=31, renewed=12, merged=18, refused=1)


async def test_an_import_fills_and_renews_and_takes_nothing_away(importer: Importer) -> None:
    """Empty cells change nothing; attributes are added to those that are there."""
    await importer.take(b"email,name,phone,dish,city\na@x.com,Ann,+14155552671,pizza,Rome\n")
    await importer.take(b"email,name,phone,dish,timezone\na@x.com,,,soup,Europe/Rome\n", name="second.csv")
    customer = (await importer.customers())["a@x.com"]
    assert (customer["name"], customer["phone"], customer["timezone"]) == ("Ann", "+14155552671", "Europe/Rome")
    assert msgspec.json.decode(customer["attributes"]) == {"dish": "soup", "city": "Rome"}
    assert customer["version"] == 2


async def test_who_has_unsubscribed_stays_so(importer: Importer) -> None:
    """A list that says yes of somebody who has said no neither undoes it nor writes a consent."""
    await importer.take(b"email,consent\na@x.com,\n")
    await importer.database.fetch("UPDATE customers.customers SET unsubscribed_at = now()")
    await importer.take(b"email,consent\na@x.com,yes\n", name="second.csv")
    customer = (await importer.customers())["a@x.com"]
    assert customer["unsubscribed_at"] is not None
    assert customer["marketing_consent_at"] is None
    assert await importer.database.fetch(CONSENTS) == []


async def test_consent_keeps_its_first_time_and_is_withdrawn_by_a_later_no(importer: Importer) -> None:
    """A second yes writes nothing; a no from before the yes neither; a later one withdraws, and all is on record."""
    first = datetime(2024, 5, 1, tzinfo=UTC)
    await importer.take(b"email,consent,opt-in date\na@x.com,yes,2024-05-01T00:00:00Z\n")
    await importer.take(b"email,consent,opt-in date\na@x.com,yes,2024-06-01T00:00:00Z\n", name="2.csv")
    await importer.take(b"email,consent,opt-in date\na@x.com,no,2024-04-01T00:00:00Z\n", name="3.csv")
    assert (await importer.customers())["a@x.com"]["marketing_consent_at"] == first
    await importer.take(b"email,consent,opt-in date\na@x.com,no,2024-07-01T00:00:00Z\n", name="4.csv")
    customer = (await importer.customers())["a@x.com"]
    assert (customer["marketing_consent_at"], customer["marketing_consent_source"]) == (None, None)
    consents = await importer.database.fetch(CONSENTS)
    assert [(one["what"], one["source"], one["at"].month) for one in consents] == [
        ("given", "list.csv", 5),
        ("withdrawn", "4.csv", 7),
    ]


async def test_a_guest_who_has_ordered_is_the_same_customer(importer: Importer) -> None:
    """By the address, whatever the id; and an order after an import finds the imported customer."""
    customers = Customers(importer.database, EventLog(Waker(importer.database)))
    moment = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
    guest = GuestDetails(id=UUID(int=99), name="Ana", email="ana@example.org", phone="")
    paid = order_paid(UUID(int=1), moment, guest=guest)
    async with importer.database.transaction() as tx:
        await customers.note_order(tx, paid)
    row = await importer.take(
        b"email,name\nana@example.org,Ana Sousa\nbo@example.org,Bo\n", restaurant_id=paid.restaurant_id
    )
    assert row.counts == Counts(rows=2, made=1, renewed=1)
    found = await importer.customers()
    assert (found["ana@example.org"]["id"], found["ana@example.org"]["name"]) == (UUID(int=99), "Ana Sousa")
    bo = GuestDetails(id=found["bo@example.org"]["id"], name="Bo B", email="bo@example.org", phone="")
    async with importer.database.transaction() as tx:
        await customers.note_order(tx, order_paid(UUID(int=2), moment, number=2, guest=bo))
    bo_now = (await importer.customers())["bo@example.org"]
    assert (bo_now["orders"], bo_now["version"]) == (1, found["bo@example.org"]["version"] + 1)


@pytest.mark.usefixtures("small_chunks")
async def test_a_chunk_is_written_once(importer: Importer) -> None:
    """Of two processes at one import each chunk is written by one; the other is told that it has passed."""
    row = await importer.begin(people(200))

    async def work() -> int:
        written = 0
        while (now := await importer.imports.import_of(RESTAURANT, row.id)).state == "running":
            reader = await importer.imports.reader(now, LocalFile(importer.folder / row.name))
            chunk = await reader.next()
            async with importer.database.transaction() as tx:
                written += await importer.imports.write(tx, chunk, chained=False)
        return written

    written = await asyncio.gather(*(work() for _ in range(4)))
    assert sum(written) in {20, 21}
    assert (await importer.imports.import_of(RESTAURANT, row.id)).counts == Counts(rows=200, made=200)
    assert await importer.database.fetch_value("SELECT count(*) FROM customers.consents") == 200
    assert await importer.database.fetch_value("SELECT max(version) FROM customers.customers") == 1


@pytest.mark.usefixtures("small_chunks")
async def test_imports_and_orders_of_the_same_people_at_the_same_time(importer: Importer) -> None:
    """Two lists with the same people and their first orders meet in every way, and each person is there once."""
    customers = Customers(importer.database, EventLog(Waker(importer.database)))
    moment = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
    restaurant = order_paid(UUID(int=1), moment).restaurant_id
    first = await importer.begin(people(300), restaurant_id=restaurant)
    backwards = b"\n".join([people(0).strip(), *reversed(people(300).splitlines()[1:])])
    second = await importer.begin(backwards, name="second.csv", restaurant_id=restaurant)

    async def run(row_name: str) -> None:
        row = first if row_name == first.name else second
        reader = await importer.imports.reader(row, LocalFile(importer.folder / row.name))
        ended = False
        while not ended:
            chunk = await reader.next()
            assert await importer.database.run(partial(importer.imports.write, chunk=chunk, chained=False))
            ended = chunk.ended

    async def order() -> None:
        for n in range(0, 300, 3):
            email = f"guest{n}@example.com"
            guest = GuestDetails(id=customer_id(Seals(SECRET), restaurant, email), name="G", email=email, phone="")
            paid = order_paid(UUID(int=1000 + n), moment, number=n, guest=guest)
            await importer.database.run(partial(customers.note_order, event=paid))

    await asyncio.gather(run(first.name), run(second.name), order())
    assert len(await importer.customers()) == 300
    assert await importer.database.fetch_value("SELECT sum(orders) FROM customers.customers") == 100
    counts = [(await importer.imports.import_of(restaurant, row.id)).counts for row in (first, second)]
    for count in counts:
        assert count.rows == 300 == count.made + count.renewed + count.merged
    assert sum(count.made for count in counts) <= 300


async def test_the_first_problems_are_kept_and_all_are_counted(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of rubbish does not fill the database; its lines can be found by their numbers."""
    monkeypatch.setattr(service, "MOST_PROBLEMS", 5)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 4)
    row = await importer.take(b"email,phone\n" + b"nobody,1\n" * 7 + b"a@x.com,none\n" + b"b@x.com,\n")
    assert row.counts == Counts(rows=9, made=2, refused=7, noted=1)
    kept = await importer.imports.problems(row.id)
    assert [(one["line"], one["text"]) for one in kept] == [(n, "This is no e-mail address.") for n in range(2, 7)]


async def test_a_stopped_import_goes_on_where_it_stood(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In UTF-16, with quotes over lines and a megabyte in one field, from each chunk's end on."""
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    lines = [f'g{n}@x.com;"Müller\n{n}"' for n in range(20)]
    lines.insert(7, "big@x.com;" + "y" * 1_000_000)
    lines.insert(12, 'open@x.com;"never closed')
    row = await importer.begin(("E-Mail;Name\r\n" + "\r\n".join(lines)).encode("utf-16"))
    while row.state == "running":
        row = await importer.run(row, chunks=1)
    assert row.counts == Counts(rows=22, made=20, refused=2)
    customers = await importer.customers()
    assert customers["g19@x.com"]["name"] == "Müller 19"
    assert [one["line"] for one in await importer.imports.problems(row.id)] == [16, 25]

"""Customers come out of paid orders, each order counted once."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from comanda.contexts.customers.service import Customers
from comanda.contexts.customers.source import StoredCustomers
from comanda.contracts.customers import CustomersChanged
from comanda.contracts.ordering import Address, GuestDetails, OrderPaid
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog, Waker
from comanda.web.access import StaffMember
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.orders import RESTAURANT, order_paid
from tests.integration.customers.desk import customers_module

MARKETER = StaffMember(
    id=UUID(int=1), restaurant_id=RESTAURANT, name="Mia", email="mia@example.org", roles=frozenset({"marketer"})
)


ROUNDS = 60
"""Of eight inserts each; naming one of the two keys in `ON CONFLICT` fails within about ten."""


class Sessions:
    """A marketer is signed in, a cook, and an owner."""

    async def member(self, token: str) -> StaffMember | None:
        """Know three tokens."""
        cook = msgspec.structs.replace(MARKETER, roles=frozenset({"kitchen"}))
        owner = msgspec.structs.replace(MARKETER, roles=frozenset({"owner"}))
        return {"marketer": MARKETER, "cook": cook, "owner": owner}.get(token)


@pytest.fixture
def customers(database: Database) -> Customers:
    """Return the customers."""
    return Customers(database, EventLog(Waker(database)))


async def note(database: Database, customers: Customers, event: OrderPaid) -> None:
    """Hand an event over, in a transaction of its own."""
    async with database.transaction() as tx:
        await customers.note_order(tx, event)


async def test_an_order_counts_once_however_often_it_is_told(
    database: Database, customers: Customers, clock: FakeClock
) -> None:
    """Ten deliveries of one event at the same time make one customer with one order and one address."""
    event = order_paid(UUID(int=1), clock.now(), fulfilment="delivery")
    await asyncio.gather(*(note(database, customers, event) for _ in range(10)))
    (customer,) = (await customers.find(RESTAURANT, "")).customers
    assert (customer["orders"], customer["email"]) == (1, "ana@example.org")
    history = await customers.history(RESTAURANT, customer["id"])
    assert (len(history.orders), len(history.addresses)) == (1, 1)


async def test_guests_who_order_twice_in_one_instant_become_one_customer_each(
    database: Database, customers: Customers, clock: FakeClock
) -> None:
    """Two first orders of one guest meet in every way two inserts can meet: a row has two keys to meet at."""
    now = clock.now()
    for round_number in range(ROUNDS):
        guest = GuestDetails(
            id=UUID(int=1000 + round_number), name="Bo", email=f"bo{round_number}@example.org", phone=""
        )
        orders = [
            order_paid(UUID(int=10_000 + 8 * round_number + n), now, number=2000 + n, guest=guest) for n in range(8)
        ]
        await asyncio.gather(*(note(database, customers, order) for order in orders))
        (customer,) = (await customers.find(RESTAURANT, guest.email)).customers
        assert (customer["id"], customer["orders"]) == (guest.id, 8)


async def test_copies_are_told_of_what_they_keep_alone(
    database: Database, customers: Customers, clock: FakeClock
) -> None:
    """A new customer and another name are told to those who keep a copy; one more order of the same guest is not."""
    first = order_paid(UUID(int=1), clock.now())
    await note(database, customers, first)
    await note(database, customers, first)
    await note(database, customers, order_paid(UUID(int=2), clock.now(), number=1002))
    renamed = GuestDetails(id=UUID(int=99), name="Ana Reis", email="ana@example.org", phone="")
    await note(database, customers, order_paid(UUID(int=3), clock.now(), number=1003, guest=renamed))
    rows = await database.fetch("SELECT payload FROM engine.events WHERE name = 'customers.CustomersChanged'")
    changes = [msgspec.json.decode(row["payload"], type=CustomersChanged) for row in rows]
    assert sorted(change.change_id for change in changes) == [UUID(int=1), UUID(int=3)]
    assert {change.customer_ids for change in changes} == {(UUID(int=99),)}
    (row,) = await StoredCustomers(database).rows([UUID(int=99), UUID(int=98)])
    assert (row.name, row.version) == ("Ana Reis", 4)


async def test_a_guest_who_returns_is_the_same_customer(
    database: Database, customers: Customers, clock: FakeClock
) -> None:
    """The latest order tells name and phone, whichever is told first; the same place is one address."""
    typed_anew = Address(street="RUA AUGUSTA, 1", city="lisboa", postcode="1100 048", detail="2nd  floor")
    later = GuestDetails(id=UUID(int=99), name="Ana S. Reis", email="ana@example.org", phone="")
    now = clock.now()
    second = order_paid(
        UUID(int=2), now + timedelta(days=1), number=1002, guest=later, address=typed_anew, fulfilment="delivery"
    )
    await note(database, customers, second)
    await note(database, customers, order_paid(UUID(int=1), now, fulfilment="delivery"))
    (customer,) = (await customers.find(RESTAURANT, "")).customers
    assert (customer["orders"], customer["name"]) == (2, "Ana S. Reis")
    assert (customer["first_order_at"], customer["last_order_at"]) == (now, now + timedelta(days=1))
    history = await customers.history(RESTAURANT, customer["id"])
    assert [order["number"] for order in history.orders] == [1002, 1001]
    assert len(history.addresses) == 1


@pytest.mark.parametrize(
    ("search", "found"),
    [("ana@", 1), ("ANA@EX", 1), ("sous", 1), ("+3519", 1), ("example.org", 0), ("%", 0), ("a\0b", 0), ("x" * 500, 0)],
)
async def test_searching_finds_people(
    database: Database, customers: Customers, clock: FakeClock, search: str, found: int
) -> None:
    """By the beginning of e-mail or phone and by parts of the name; nothing typed is an error or a wildcard."""
    await note(database, customers, order_paid(UUID(int=1), clock.now()))
    assert len((await customers.find(RESTAURANT, search)).customers) == found


async def test_pages_are_the_marketers_and_stay_in_the_house(
    database: Database, customers: Customers, clock: FakeClock, tmp_path: Path
) -> None:
    """A marketer sees list and history; a cook does not; another restaurant's customers are not there."""
    await note(database, customers, order_paid(UUID(int=1), clock.now(), fulfilment="delivery"))
    elsewhere = GuestDetails(id=UUID(int=98), name="Eve", email="eve@example.org", phone="")
    await note(database, customers, order_paid(UUID(int=2), clock.now(), guest=elsewhere, restaurant_id=UUID(int=8)))
    async with Browser(front([customers_module(database, tmp_path)], Sessions())) as browser:
        browser.cookies.set(SESSION_COOKIE, "marketer", domain="demo.example")
        page = (await browser.get("/staff/customers")).text
        assert ("Ana Sousa" in page, "Eve" in page) == (True, False)
        assert "Rua Augusta 1" in (await browser.get(f"/staff/customers/{UUID(int=99)}")).text
        assert (await browser.get(f"/staff/customers/{UUID(int=98)}")).status_code == 404
        assert (await browser.get("/staff/customers?search=%00%ED%A0%80")).status_code == 200
        browser.cookies.set(SESSION_COOKIE, "cook", domain="demo.example")
        assert (await browser.get("/staff/customers")).status_code == 403
    with pytest.raises(Refused):
        await customers.history(UUID(int=8), UUID(int=99))

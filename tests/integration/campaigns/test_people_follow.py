"""The people of campaigns follow customers and orders, whatever the order in which they are told."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comanda.contexts.campaigns.people_consumers import CHANGES, consumers
from comanda.contracts.catalog import FulfilmentType
from comanda.contracts.customers import MOST_IN_ONE, CustomerErased, CustomerRow, CustomersChanged
from comanda.contracts.ordering import GuestDetails, OrderPaid
from comanda.contracts.payments import PaymentRefunded
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import Event
from comanda.engine.lanes import Consumer
from tests.fakes.clock import START, FakeClock
from tests.fakes.customer_source import CustomersInMemory, customer_row
from tests.fakes.ids import SeededIds
from tests.fakes.orders import RESTAURANT, order_paid

PLACED = ("orders", "spent", "first_order_at", "last_order_at", "deliveries", "pickups", "dine_ins")
FULFILMENTS: tuple[FulfilmentType, ...] = ("delivery", "pickup", "dine_in")


class Followed:
    """The consumers on a database, called as their lanes would."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.source = CustomersInMemory()
        self.people, self.orders = consumers(self.source, FakeClock())

    async def tell(self, *events: Event) -> None:
        """Tell events in one batch for each consumer, in one transaction each."""
        for each in (self.people, self.orders):
            wanted = [event for event in events if type(event) in each.on]
            if wanted:
                await self.database.run(lambda tx, each=each, wanted=wanted: handler(each)(tx, wanted))  # type: ignore[misc]

    async def person(self, customer_id: UUID) -> dict[str, Any] | None:
        """Return somebody's row."""
        row = await self.database.fetch_row("SELECT * FROM campaigns.people WHERE id = $1", customer_id)
        return dict(row) if row is not None else None


def handler(consumer: Consumer) -> Any:
    """Return the function that a lane would call."""
    assert consumer.handle is not None
    return consumer.handle


@pytest.fixture
def followed(database: Database) -> Followed:
    """Consumers on a database of the test's own."""
    return Followed(database)


def changed(*customer_ids: UUID) -> CustomersChanged:
    """Return the fact that customers have changed."""
    return CustomersChanged(change_id=customer_ids[0], restaurant_id=RESTAURANT, customer_ids=customer_ids)


def refunded(order_id: UUID, in_all: int) -> PaymentRefunded:
    """Return the fact that an order's refunds have come to a sum."""
    return PaymentRefunded(
        order_id=order_id,
        payment_id=order_id,
        refund_id=UUID(int=in_all),
        amount=1,
        refunded_in_all=in_all,
        captured=2600,
        currency="EUR",
    )


def paid(order_id: UUID, customer_id: UUID, at: datetime, fulfilment: FulfilmentType) -> OrderPaid:
    """Return a paid order of 26.00 by a customer of whom the order knows the name."""
    guest = GuestDetails(id=customer_id, name="As ordered", email=f"guest{customer_id.int}@example.org", phone="+1")
    return order_paid(order_id, at, guest=guest, fulfilment=fulfilment)


async def test_of_a_customers_rows_the_newest_stands(followed: Followed) -> None:
    """What was read earlier and is written later changes nothing; every field is kept."""
    ana = UUID(int=1)
    full = customer_row(
        ana,
        version=5,
        name="Ana",
        phone="+351912345678",
        timezone="Europe/Lisbon",
        consent_at=START,
        consent_source="import",
        unsubscribed_at=START + timedelta(days=1),
        attributes={"vip": True, "favourite": 'crème "brûlée"'},
    )
    followed.source.known = {ana: full}
    await followed.tell(changed(ana))
    followed.source.known = {ana: customer_row(ana, version=4, name="Old")}
    await followed.tell(changed(ana))
    person = await followed.person(ana)
    assert person is not None
    assert (person["email"], person["domain"]) == ("guest1@Example.org", "example.org")
    assert (person["name"], person["phone"], person["zone"]) == ("Ana", "+351912345678", "Europe/Lisbon")
    assert (person["consent_at"], person["consent_source"]) == (START, "import")
    assert person["unsubscribed_at"] == START + timedelta(days=1)
    assert msgspec.json.decode(person["attributes"]) == full.attributes
    assert (person["version"], person["orders"]) == (5, 0)


async def test_an_erasure_leaves_nothing_but_that_they_stay_away(followed: Followed) -> None:
    """Row and orders go; what is told late does not bring them back; an older reason gives way to the erasure."""
    ana = UUID(int=1)
    followed.source.known = {ana: customer_row(ana)}
    await followed.tell(changed(ana), paid(UUID(int=100), ana, START, "pickup"))
    await followed.database.fetch(
        "INSERT INTO campaigns.suppressions (customer_id, restaurant_id, why, at, campaign) VALUES ($1, $2, $3, $4, 7)",
        *(ana, RESTAURANT, "bounced", START),
    )
    await followed.tell(CustomerErased(customer_id=ana, restaurant_id=RESTAURANT))
    await followed.tell(changed(ana), paid(UUID(int=101), ana, START, "pickup"), refunded(UUID(int=100), 500))
    assert await followed.person(ana) is None
    assert await followed.database.fetch_value("SELECT count(*) FROM campaigns.people_orders") == 0
    left = await followed.database.fetch("SELECT why, campaign FROM campaigns.suppressions")
    assert [tuple(row.values()) for row in left] == [("erased", None)]


async def test_an_erasure_waits_for_who_is_writing(followed: Followed) -> None:
    """A row that was read before the erasure, and is not committed yet when that happens, is erased with the rest."""
    ana = UUID(int=1)
    followed.source.known = {ana: customer_row(ana)}
    erasing: asyncio.Task[None]
    async with followed.database.transaction() as tx:
        await handler(followed.people)(tx, [changed(ana)])
        erasing = asyncio.create_task(followed.tell(CustomerErased(customer_id=ana, restaurant_id=RESTAURANT)))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with asyncio.timeout(10):
            while not await followed.database.fetch_value(waiting):  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.01)
    await erasing
    assert await followed.person(ana) is None


async def test_whoever_orders_first_is_known_by_the_order(followed: Followed) -> None:
    """An order makes a person, without consent, whom the customer's own row then completes."""
    ana = UUID(int=1)
    await followed.tell(paid(UUID(int=100), ana, START, "delivery"))
    person = await followed.person(ana)
    assert person is not None
    assert (person["name"], person["version"], person["consent_at"]) == ("As ordered", 0, None)
    followed.source.known = {ana: customer_row(ana, name="Ana", consent_at=START)}
    await followed.tell(changed(ana))
    person = await followed.person(ana)
    assert person is not None
    assert (person["name"], person["orders"], person["spent"], person["deliveries"]) == ("Ana", 1, 2600, 1)


async def test_people_without_an_address_are_passed_by(followed: Followed) -> None:
    """Nobody can mail them, and nothing stumbles over them."""
    nobody, ana = UUID(int=1), UUID(int=2)
    followed.source.known = {nobody: customer_row(nobody, email=""), ana: customer_row(ana)}
    guest = GuestDetails(id=nobody, name="No mail", email="", phone="+1")
    await followed.tell(changed(nobody, ana), order_paid(UUID(int=100), START, guest=guest))
    assert await followed.person(nobody) is None
    assert await followed.person(ana) is not None


STEPS = st.one_of(
    st.tuples(st.just("changed"), st.integers(1, 4)),
    st.tuples(st.just("paid"), st.integers(0, 3)),
    st.tuples(st.just("refunded"), st.tuples(st.integers(0, 3), st.integers(1, 3))),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12), erased=st.none() | st.integers(0, 12), cut=st.integers(1, 4))
async def test_any_order_of_events_ends_the_same(
    followed: Followed, ids: SeededIds, steps: list[tuple[str, Any]], erased: int | None, cut: int
) -> None:
    """Told in any order, several times and in batches of any size: the row is what a plain model says of the set."""
    ana, orders = ids.new(), [ids.new() for _ in range(4)]
    versions = {n: customer_row(ana, version=n, name=f"Version {n}") for n in range(1, 5)}
    events: list[tuple[Event, CustomerRow | None]] = []
    for kind, what in steps:
        if kind == "changed":
            events.append((changed(ana), versions[what]))
        elif kind == "paid":
            events.append((paid(orders[what], ana, START + timedelta(days=what), FULFILMENTS[what % 3]), None))
        else:
            events.append((refunded(orders[what[0]], 100 * what[1]), None))
    if erased is not None:
        events.insert(erased, (CustomerErased(customer_id=ana, restaurant_id=RESTAURANT), None))
    for start in range(0, len(events), cut):
        batch = events[start : start + cut]
        # Read as late as the batch is handled: of the versions in it the last one that was told.
        read = [row for _, row in batch if row is not None]
        followed.source.known = {ana: max(read, key=lambda row: row.version)} if read else {}
        await followed.tell(*(event for event, _ in batch))
    told = steps if erased is None else []
    in_all = {
        order: max(m for kind, what in told if kind == "refunded" and what[0] == order for m in [what[1]])
        for order in {what[0] for kind, what in told if kind == "refunded"}
    }
    counted = {what for kind, what in told if kind == "paid"}
    newest = max((what for kind, what in told if kind == "changed"), default=0)
    person = await followed.person(ana)
    if not counted and not newest:
        assert person is None
        return
    assert person is not None
    assert (person["version"], person["name"]) == (newest, f"Version {newest}" if newest else "As ordered")
    assert {name: person[name] for name in PLACED} == {
        "orders": len(counted),
        "spent": sum(2600 - 100 * in_all.get(order, 0) for order in counted),
        "first_order_at": START + timedelta(days=min(counted)) if counted else None,
        "last_order_at": START + timedelta(days=max(counted)) if counted else None,
        "deliveries": len(counted & {0, 3}),
        "pickups": len(counted & {1}),
        "dine_ins": len(counted & {2}),
    }


async def test_lanes_on_both_sides_at_once(followed: Followed) -> None:
    """Batches that write the same people at the same time, in opposite orders, all get through and add up."""
    guests = [UUID(int=n) for n in range(1, 41)]
    followed.source.known = {guest: customer_row(guest) for guest in guests}
    batches = [
        [
            paid(UUID(int=1000 * batch + guest.int), guest, START, "pickup")
            for guest in guests[:: 1 if batch % 2 else -1]
        ]
        for batch in range(1, 9)
    ]
    renewals = [followed.tell(changed(*guests[:: 1 if n % 2 else -1])) for n in range(4)]
    await asyncio.gather(*(followed.tell(*batch) for batch in batches), *renewals)
    sums = await followed.database.fetch("SELECT DISTINCT orders, spent, version FROM campaigns.people")
    assert [tuple(row.values()) for row in sums] == [(8, 8 * 2600, 1)]


@pytest.mark.slow  # A hundred thousand people are written.
async def test_an_import_is_followed_at_full_speed(followed: Followed) -> None:
    """Twenty thousand people a second, in transactions that stay below a second."""
    people = [UUID(int=n) for n in range(1, 100_001)]
    followed.source.known = {
        person: customer_row(person, name=f"Guest {person.int}", consent_at=START, attributes={"n": person.int})
        for person in people
    }
    events = [changed(*people[start : start + MOST_IN_ONE]) for start in range(0, len(people), MOST_IN_ONE)]
    clock = SystemClock()
    longest_s, began = 0.0, clock.monotonic()
    for start in range(0, len(events), CHANGES.size):
        batch_began = clock.monotonic()
        await followed.tell(*events[start : start + CHANGES.size])
        longest_s = max(longest_s, clock.monotonic() - batch_began)
    spent_s = clock.monotonic() - began
    print(f"{len(people) / spent_s:,.0f} people/s, the longest transaction {longest_s:.2f} s")  # noqa: T201 - a figure
    assert await followed.database.fetch_value("SELECT count(*) FROM campaigns.people") == len(people)
    # Half of what is promised on a machine that does nothing else.
    assert spent_s < len(people) / 10_000

"""After a hundred thousand orders, no hot query reads a big table from end to end.

Each test runs the house's own code on the filled database; PostgreSQL is asked for the plan of every statement, once
for its values and once for any values, as a prepared statement may get the one or the other.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from comanda.contexts.catalog import capacity_store
from comanda.contexts.catalog import store as catalog
from comanda.contexts.customers import store as customers
from comanda.contexts.kitchen import store as kitchen
from comanda.contexts.ordering import intake_store
from comanda.contexts.ordering import store as orders
from comanda.contexts.payments import store as payments
from comanda.contexts.payments.payment import Payment
from comanda.contexts.promotions import store as promotions
from comanda.contexts.receipts import store as receipts
from comanda.contexts.staff import store as staff
from comanda.contracts.ordering import OrderPaid, OrderPlaced
from comanda.engine.clock import SystemClock
from comanda.engine.database import Transaction
from comanda.engine.errors import DeadLetter, Refused
from comanda.engine.idempotency import Once
from comanda.engine.idempotency.answers import SWEEP
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Retries, backlogs, consumer, log_source
from comanda.engine.lanes.leases import Leases, fence
from comanda.engine.lanes.parking import Parking
from tests.fakes.clock import START, FakeClock
from tests.fakes.explained import ExplainedDatabase, Fault
from tests.fakes.full_orders import full_order
from tests.fakes.shop import RESTAURANT, SLUG, Shop, identity, order_form

pytestmark = pytest.mark.slow  # The first of these tests fills the database.

DAY = timedelta(days=1)
SHARDS = dict.fromkeys(range(16), 1)


def named(words: str) -> UUID:
    """Return the id that the filled database has for `order 7` or `payment 7`."""
    return UUID(bytes=hashlib.md5(words.encode(), usedforsecurity=False).digest())


@asynccontextmanager
async def rolled_back(database: ExplainedDatabase) -> AsyncIterator[Transaction]:
    """Open a transaction that leaves the filled database as it is."""
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            yield Transaction(connection)
        finally:
            await transaction.rollback()


def check(database: ExplainedDatabase, *, at_least: int) -> None:
    """Assert that so many statements were explained, and that none reads a big table from end to end."""
    assert len(database.seen) >= at_least
    assert database.faults == []


async def test_taking_orders(watched: ExplainedDatabase, filled_shop: Shop) -> None:
    """Look-up by key and form, new orders with coupon, stock and slot, replays, questions and confirmations."""
    form = order_form(lines=[{"item": "special", "quantity": 1}], coupon="SPRING")
    first = await filled_shop.place(form, key="k1")
    await filled_shop.place(order_form(note="no key"))
    await filled_shop.place(order_form(note="no key"))
    with pytest.raises(Refused) as asked:
        await filled_shop.place(form, key="k2")
    confirmed = {**form, "confirm": asked.value.members["confirm"]}
    await filled_shop.place(confirmed, key="k3")
    again = await filled_shop.place(confirmed, key="k4")
    assert again.replayed
    assert identity(again) != identity(first)
    found = await intake_store.answer_of_copy(watched, RESTAURANT, hashlib.md5(b"form 500").digest(), 1)  # noqa: S324 - as in the filled database
    assert found is not None
    check(watched, at_least=20)


async def test_showing_orders(watched: ExplainedDatabase, order_id: UUID, filled_shop: Shop) -> None:
    """An order by its token and with its proof of once; a day's orders and what they brought in."""
    answer = await filled_shop.place(order_form(note="to be shown"))
    ordering = filled_shop.parts.ordering
    await ordering.by_token(answer.location.rpartition("/")[2] if answer.location else "")
    await ordering.for_staff(RESTAURANT, order_id)
    listed, sales = await ordering.of_time(RESTAURANT, START - DAY, START + DAY)
    assert listed
    assert sales.orders > 100
    check(watched, at_least=10)


async def test_moving_orders(watched: ExplainedDatabase, order_id: UUID, filled_shop: Shop) -> None:
    """Cancelling and refunding, with all that is given back; what consumers write into an order."""
    answer = await filled_shop.place(
        order_form(lines=[{"item": "special", "quantity": 1}], coupon="SPRING", note="to be cancelled")
    )
    ordering = filled_shop.parts.ordering
    await ordering.cancel(RESTAURANT, identity(answer), "", member_id=UUID(int=1), key=None)
    await ordering.refund(RESTAURANT, order_id, 100, "", member_id=UUID(int=1), key="r1")
    async with rolled_back(watched) as tx:
        found = await orders.locked(tx, order_id)
        assert found is not None
        await orders.set_refunded(tx, found, 100)
        await orders.refund_done(tx, named("refund 500"))
        await orders.tell(tx, order_id, "ticket_opened", "1", START)
    check(watched, at_least=20)


async def test_sweeping_keys(watched: ExplainedDatabase) -> None:
    """Old answers go in small batches, found by their age."""
    clock = FakeClock(START - 100 * DAY)
    await Once(watched, clock).sweep()
    check(watched, at_least=2)


async def test_lanes(watched: ExplainedDatabase) -> None:
    """Leases, reading past a cursor, moving it, skipping, parking, and counting what is left to do."""
    clock, woken = SystemClock(), []
    leases = Leases(watched, {"receipts.mail": 16}, clock=clock, wake=lambda: woken.append(1))
    await leases.start()
    while not leases.held("receipts.mail"):
        await clock.sleep(0.01)
    held = leases.held("receipts.mail")
    await watched.fetch(
        "UPDATE engine.cursors SET position = '50', id = 0 WHERE consumer = 'receipts.mail' AND shard = ANY ($1)",
        list(held),
    )
    events = await log_source.read(watched, "receipts.mail", held, [OrderPaid.name], 100)
    assert events
    parking = Parking(watched, "receipts.mail", Retries(), ordered=True, ids=RandomIds())
    async with rolled_back(watched) as tx:
        await fence(tx, "receipts.mail", held)
        await log_source.move(tx, "receipts.mail", events[:1])
        await parking.held_keys(tx, events)
        await parking.park(tx, events[0], 1, DeadLetter("never"))
        await parking.remove(tx, events[0])
    await parking.due(held, 100)
    await log_source.skip(watched, "receipts.mail", held, ["none.Such"])

    @consumer("receipts.mail", [OrderPaid])
    async def mail(_tx: Transaction, _event: OrderPaid) -> None:
        """Do nothing."""

    @consumer("kitchen.tickets", [OrderPlaced])
    async def cook(_tx: Transaction, _event: OrderPlaced) -> None:
        """Have no cursors yet."""

    one, other = await backlogs(watched, [mail, cook])
    assert 0 <= one.events < other.events
    await leases.stop()
    check(watched, at_least=15)


async def test_payments(watched: ExplainedDatabase, order_id: UUID) -> None:
    """A payment by itself and by its order, refunds, what is open, and webhooks received once and forgotten."""
    payment = named("payment 500")
    async with rolled_back(watched) as tx:
        found = await payments.lock_payment(tx, payment)
        assert found is not None
        assert not await payments.insert_payment(tx, found)
        await payments.lock_payment_of_order(tx, order_id)
        await payments.save_payment(tx, found, msgspec.structs.replace(found, reason="again"))
        fresh = Payment(
            id=RandomIds().new(),
            order_id=order_id,
            restaurant_id=RESTAURANT,
            amount=1800,
            currency="EUR",
            method="",
            state="pending",
            provider="sandbox",
            created_at=START,
        )
        assert not await payments.insert_payments(tx, [fresh])
        await payments.save_unchanged(tx, [fresh])
        pair = await payments.lock_refund(tx, named("refund 500"))
        assert pair is not None
        assert not await payments.insert_refund(tx, pair[1])
        await payments.save_refund(tx, pair[1], msgspec.structs.replace(pair[1], failure="none"))
        await payments.waiting_refunds(tx, payment)
        assert not await payments.receive_webhook(tx, "sandbox", "event 7", kind="charge", subject=payment, now=START)
        await payments.note_effect(tx, "sandbox", "event 7", "captured")
    assert await payments.open_payments(watched, due=START, limit=100)
    assert await payments.open_refunds(watched, due=START, limit=100)
    await payments.sweep_webhooks(watched, before=START - 130 * DAY, limit=100)
    check(watched, at_least=10)


async def test_the_kitchens_board(watched: ExplainedDatabase, order_id: UUID) -> None:
    """What is open and what has lately left the board; opening, moving and withdrawing a ticket."""
    assert await kitchen.open_tickets(watched, RESTAURANT, 300)
    await kitchen.closed_tickets(watched, RESTAURANT, START - DAY, 12)
    ticket = named("ticket 5")
    assert await kitchen.ticket(watched, RESTAURANT, ticket) is not None
    async with rolled_back(watched) as tx:
        assert not await kitchen.insert_ticket(
            tx,
            ticket_id=RandomIds().new(),
            order_id=order_id,
            restaurant_id=RESTAURANT,
            number=1,
            fulfilment="pickup",
            document="{}",
            due_at=START,
            now=START,
        )
        assert await kitchen.lock_ticket(tx, RESTAURANT, ticket) is not None
        await kitchen.move_ticket(tx, ticket, "ready", reason="", member_id=UUID(int=1), now=START)
        await kitchen.withdraw_ticket(tx, order_id, reason="", now=START)
    check(watched, at_least=7)


async def test_receipts(watched: ExplainedDatabase, order_id: UUID) -> None:
    """Claiming, concluding, and finding what is open."""
    order = full_order()
    async with rolled_back(watched) as tx:
        claimed = await receipts.claim(
            tx, receipt_id=RandomIds().new(), message_id="m", order=order, paid_at=START, journal_id="j", now=START
        )
        assert claimed is not None
        await receipts.conclude(
            tx, claimed.id, state="sent", answer="250", html_file="h", text_file="t", doubtful=False, at=START
        )
    assert await receipts.of_order(watched, order_id) is not None
    assert len(await receipts.open_receipts(watched, 10)) == 10
    check(watched, at_least=4)


async def test_restaurants_and_their_capacity(watched: ExplainedDatabase, filled_shop: Shop) -> None:
    """A restaurant by slug and by id, its revision, its versions, and which of its slots are full."""
    assert await catalog.load_by_slug(watched, SLUG) is not None
    assert await catalog.load_by_id(watched, RESTAURANT) is not None
    assert await catalog.revision(watched, RESTAURANT) is not None
    assert await filled_shop.restaurants.listed(50)
    async with rolled_back(watched) as tx:
        await catalog.revisions(tx, [RESTAURANT])
        await catalog.versions(tx, RESTAURANT)
        await catalog.draft(tx, RESTAURANT)
        await filled_shop.catalog.sell_out(tx, RESTAURANT, "margherita")
    await capacity_store.full_slots(watched, RESTAURANT, START, START + DAY, 10)
    check(watched, at_least=9)


async def test_coupons(watched: ExplainedDatabase, order_id: UUID) -> None:
    """A coupon by its code, and a restaurant's coupons with how often each is in use."""
    assert await promotions.find(watched, named("restaurant 7"), "WELCOME") is not None
    async with rolled_back(watched) as tx:
        assert await promotions.all_of(tx, named("restaurant 7"))
        await promotions.coupons_of(tx, [order_id])
        await promotions.confirm(tx, order_id)
        await promotions.release(tx, [order_id])
        await promotions.erase(tx, [order_id])
    check(watched, at_least=5)


async def test_staff(watched: ExplainedDatabase) -> None:
    """Whose session it is, an account by its e-mail, counting tries, and sweeping."""
    assert await staff.account_by_email(watched, "staff7@example.com") is not None
    assert await staff.accounts(watched, named("restaurant 7"))
    await staff.session_member(watched, hashlib.sha256(b"7").digest(), START, DAY)
    async with rolled_back(watched) as tx:
        await staff.lock_accounts(tx, named("restaurant 7"))
        await staff.count_try(tx, "7", START, DAY)
        await staff.touch_session(tx, hashlib.sha256(b"7").digest(), START)
        await staff.delete_sessions_of(tx, named("account 7"))
        await staff.sweep(tx, START, 3 * DAY, DAY / 8, 1000)
    check(watched, at_least=9)


async def test_customers(watched: ExplainedDatabase) -> None:
    """The latest customers, a search among them, one of them with orders and addresses."""
    assert await customers.customers(watched, RESTAURANT, "", 50)
    assert await customers.customers(watched, RESTAURANT, "guest500@", 50)
    customer = named("customer 500")
    assert await customers.customer(watched, RESTAURANT, customer) is not None
    assert await customers.orders_of(watched, customer, 50)
    assert await customers.addresses_of(watched, customer, 50)
    order = full_order(restaurant_id=RESTAURANT)
    async with rolled_back(watched) as tx:
        made = await customers.upsert_customer(tx, order)
        await customers.insert_order(tx, made.id, order)
    check(watched, at_least=8)


@pytest.mark.parametrize(
    ("index", "sql", "value", "table"),
    [
        ("receipts.receipts_open", receipts.OPEN, 10, "receipts"),
        ("ordering.attempts_by_order", orders.ATTEMPT_COUNTS, UUID(int=7 << 76), "attempts_"),
        ("engine.idempotency_keys_by_age", SWEEP.replace("$2", "10"), START - 400 * DAY, "idempotency_keys"),
    ],
)
async def test_a_query_without_its_index_is_found(
    watched: ExplainedDatabase, index: str, sql: str, value: object, table: str
) -> None:
    """Each guard can fail: with the index gone, the same query reads its table from end to end, and is told."""
    async with rolled_back(watched) as tx:
        await tx.fetch(sql, value)
        assert watched.faults == []
        await tx.execute(f"DROP INDEX {index}")
        await tx.fetch(sql, value)
    faults: list[Fault] = watched.faults
    assert {fault.plan for fault in faults} == {"custom", "generic"}
    assert all(fault.table.startswith(table) for fault in faults)

"""The intake on a real database: one intent takes effect once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from comanda.contexts.ordering.intake_store import insert_orders
from comanda.contexts.ordering.judging import Make
from comanda.contracts.catalog import Trading
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.idempotency import Answer
from comanda.engine.tracing import continued
from tests.fakes.clock import FakeClock
from tests.fakes.shop import RESTAURANT, Shop, add_coupon, identity, open_shop, order_form, outcomes

ORDERS = "ordering.orders"
HOUR = 3600.0


@pytest.fixture
async def shop(database: Database, clock: FakeClock) -> AsyncIterator[Shop]:
    """A shop in one process."""
    async with open_shop(database, clock) as opened:
        yield opened


async def refusal(shop: Shop, form: dict[str, Any], **more: Any) -> Refused:
    """Return why a form is refused."""
    with pytest.raises(Refused) as caught:
        await shop.place(form, **more)
    return caught.value


async def test_same_key_same_form_gets_the_first_answer_byte_for_byte(shop: Shop) -> None:
    """A retry is answered with what was answered first, and makes no order."""
    first = await shop.place(order_form(), key="k1")
    again = await shop.place(order_form(), key="k1")
    assert (first.status, first.replayed, again.replayed) == (201, False, True)
    assert (again.status, again.body, again.location) == (first.status, first.body, first.location)
    assert await shop.count(ORDERS) == 1


async def test_replay_survives_a_changed_world(shop: Shop, clock: FakeClock) -> None:
    """What was sold out or closed since makes no difference to a retry."""
    first = await shop.place(order_form(), key="k1")
    async with shop.database.transaction() as tx:
        await shop.catalog.sell_out(tx, RESTAURANT, "margherita")
    clock.advance(2.0)
    reordered = order_form(customer={"phone": "+39 06 6982 1234", "name": " ann  LEE", "email": "Ann@Example.com"})
    again = await shop.place(reordered, key="k1")
    assert again.replayed
    assert again.body == first.body


async def test_same_key_other_form_is_422(shop: Shop) -> None:
    """A key used for something else is told, and makes nothing."""
    await shop.place(order_form(), key="k1")
    refused = await refusal(shop, order_form(tip=100), key="k1")
    assert (refused.kind, refused.code) == ("invalid", "idempotency-key-reused")
    assert await shop.count(ORDERS) == 1


async def test_no_key_the_form_is_the_key(shop: Shop) -> None:
    """Without a key, the same form in other words is the same order."""
    first = await shop.place(order_form())
    words = order_form(
        customer={"name": "ann lee ", "email": "ANN@example.com", "phone": "0039 06 69821234"},
        lines=[
            {"item": "margherita", "quantity": 1, "options": ["small"]},
            {"item": "margherita", "quantity": 1},
        ],
    )
    again = await shop.place(words)
    assert again.replayed
    assert again.body == first.body
    assert await shop.count(ORDERS) == 1


async def test_another_key_is_asked_and_yes_makes_exactly_one_more(shop: Shop) -> None:
    """A reload is asked; however often "yes, again" is clicked, by whatever keys, it makes one more."""
    first = await shop.place(order_form(), key="k1")
    asked = await refusal(shop, order_form(), key="k2")
    assert (asked.kind, asked.code) == ("conflict", "order-again")
    order = asked.members["order"]
    assert isinstance(order, dict)
    assert set(order) == {"number", "placed_at", "status", "tracking"}
    confirmed = order_form(confirm=asked.members["confirm"])
    clicks = await asyncio.gather(
        *(shop.place(confirmed, key="k2") for _ in range(4)),
        *(shop.place(confirmed, key=f"other {n}") for n in range(4)),
        *(shop.place(confirmed) for _ in range(4)),
    )
    assert len({answer.body for answer in clicks}) == 1
    assert identity(clicks[0]) != identity(first)
    assert sum(not answer.replayed for answer in clicks) == 1
    assert await shop.count(ORDERS) == 2


async def test_a_confirmation_is_for_its_own_form_only(shop: Shop) -> None:
    """A token made for one form opens nothing for another, nor does a made-up one."""
    await shop.place(order_form(), key="k1")
    asked = await refusal(shop, order_form(), key="k2")
    other = await refusal(shop, order_form(tip=5, confirm=asked.members["confirm"]), key="k3")
    made_up = await refusal(shop, order_form(confirm="x" * 48), key="k4")
    assert other.code == made_up.code == "confirm-unknown"


async def test_the_window_has_no_edges_at_clock_hours(shop: Shop, clock: FakeClock) -> None:
    """Just within two hours the guest is asked; just after, it is a new order."""
    await shop.place(order_form(), key="k1")
    clock.advance(2 * HOUR - 1)
    assert (await refusal(shop, order_form(), key="k2")).code == "order-again"
    clock.advance(1)
    assert not (await shop.place(order_form(), key="k3")).replayed
    assert await shop.count(ORDERS) == 2


async def test_a_key_is_free_again_after_its_time(shop: Shop, clock: FakeClock) -> None:
    """After 24 hours the key counts no more, swept or not."""
    await shop.place(order_form(), key="k1")
    clock.advance(24 * HOUR)
    assert not (await shop.place(order_form(), key="k1")).replayed
    assert await shop.count(ORDERS) == 2


async def test_hundred_clicks_at_once_in_two_processes_make_one_order(
    shop: Shop, database_url: str, clock: FakeClock
) -> None:
    """The same key at two processes at one instant: one order, one answer, no error."""
    second_database = Database(database_url, max_size=8)
    await second_database.start()
    try:
        async with open_shop(second_database, clock, found=False) as other:
            for round_ in range(5):
                form = order_form(note=f"round {round_}")
                answers = await asyncio.gather(
                    *((shop, other)[n % 2].place(form, key=f"key {round_}") for n in range(100))
                )
                assert len({answer.body for answer in answers}) == 1
                assert sum(not answer.replayed for answer in answers) == 1
    finally:
        await second_database.stop()
    assert await shop.count(ORDERS) == 5
    assert await shop.count("ordering.attempts") == 500


async def test_the_constraint_alone_holds(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Python's check taken out, so that each arrival means to make the first copy, the database lets one in."""
    calls = []

    def always_make(arrival: Any, *_: object) -> Make:
        calls.append(arrival)
        return Make(1, arrival.key)

    monkeypatch.setattr("comanda.contexts.ordering.intake.judge", always_make)
    results = await asyncio.gather(
        *(shop.place(order_form(), key=f"key {n}") for n in range(20)), return_exceptions=True
    )
    assert len(outcomes(results, Answer)) == 1
    assert len(calls) > 1
    assert await shop.count(ORDERS) == 1
    row = await shop.database.fetch_row("SELECT restaurant_id, form_hash FROM ordering.orders")
    assert row is not None
    with pytest.raises(asyncpg.UniqueViolationError):
        await shop.database.fetch(
            """
            INSERT INTO ordering.orders SELECT (o).* FROM (
                SELECT jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'number', 9)) AS o
                FROM ordering.orders o) AS copied
            """
        )


async def test_one_bad_order_never_fails_its_neighbours(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that the database chokes on for no known reason fails alone, though it came in a group."""

    async def choking(tx: Any, placings: Any, now: Any) -> Any:
        if any(placing.draft.form.note == "choke" for placing in placings):
            await tx.fetch_value("SELECT 1 / 0")
        return await insert_orders(tx, placings, now)

    monkeypatch.setattr("comanda.contexts.ordering.placing.insert_orders", choking)
    forms = [order_form(note="choke" if n == 7 else f"note {n}") for n in range(20)]
    results = await asyncio.gather(*(shop.place(form) for form in forms), return_exceptions=True)
    assert len(outcomes(results, Answer)) == 19
    assert await shop.count(ORDERS) == 19
    assert await shop.count("engine.idempotency_keys") == 19


async def test_a_coupon_for_a_hundred_is_redeemed_a_hundred_times(shop: Shop) -> None:
    """Three hundred at once want a coupon that is good for a hundred; who is refused leaves nothing behind."""
    await add_coupon(shop.database, "HUNDRED", total=100)
    forms = [order_form(coupon="hundred", note=f"note {n}") for n in range(300)]
    results = await asyncio.gather(*(shop.place(form) for form in forms), return_exceptions=True)
    assert len(outcomes(results, Answer)) == 100
    assert {refused.code for refused in outcomes(results, Refused)} == {"coupon-used-up"}
    assert await shop.count(ORDERS) == await shop.count("promotions.redemptions") == 100
    assert await shop.count("engine.idempotency_keys") == 100


async def test_stock_of_ten_is_sold_ten_times(shop: Shop) -> None:
    """Sixty at once want ten specials, with a coupon: who gets none holds no coupon either."""
    await add_coupon(shop.database, "MANY", total=1000)
    forms = [order_form(lines=[{"item": "special", "quantity": 1}], coupon="MANY", note=f"note {n}") for n in range(60)]
    results = await asyncio.gather(*(shop.place(form) for form in forms), return_exceptions=True)
    assert len(outcomes(results, Answer)) == 10
    assert {refused.code for refused in outcomes(results, Refused)} == {"item-sold-out"}
    assert await shop.database.fetch_value("SELECT redeemed FROM promotions.coupons") == 10


async def test_a_slot_for_five_takes_five(database: Database, clock: FakeClock) -> None:
    """A kitchen slot holds what it holds."""
    async with open_shop(database, clock, trading=Trading(slot_capacity=5)) as shop:
        results = await asyncio.gather(
            *(shop.place(order_form(note=f"note {n}")) for n in range(30)), return_exceptions=True
        )
        assert len(outcomes(results, Answer)) == 5
        assert {refused.code for refused in outcomes(results, Refused)} == {"slot-full"}


async def test_a_changed_price_is_told_and_nothing_is_stored(shop: Shop) -> None:
    """The guest pays what the page showed, or is asked to look again."""
    refused = await refusal(shop, order_form(expected_total=1), key="k1")
    assert (refused.code, refused.members["total"]) == ("price-changed", 1800)
    assert await shop.count(ORDERS) == 0
    assert (await shop.place(order_form(expected_total=1800), key="k1")).status == 201


async def test_every_attempt_is_written_down(shop: Shop) -> None:
    """The record tells four clicks, a question and a mistake apart."""
    for _ in range(4):
        await shop.place(order_form(), key="k1")
    await refusal(shop, order_form(), key="k2")
    await refusal(shop, order_form(tip=1), key="k1")
    rows = await shop.database.fetch("SELECT outcome, count(*) AS n FROM ordering.attempts GROUP BY 1")
    assert {row["outcome"]: row["n"] for row in rows} == {"placed": 1, "replayed": 3, "asked": 1, "key_reused": 1}


async def test_orders_of_one_group_keep_each_its_own_trace(shop: Shop) -> None:
    """Requests that are decided in one transaction are told apart in the log; one without a trace has none."""
    traces = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 20)]

    async def order(number: int, trace: str | None) -> UUID:
        with continued(trace):
            form = order_form(customer={"name": "Ann", "email": f"ann{number}@example.com", "phone": "+390669821234"})
            return identity(await shop.place(form))

    given = [*traces, None]
    placed = await asyncio.gather(*(order(number, trace) for number, trace in enumerate(given)))
    rows = await shop.database.fetch(
        "SELECT key, trace, position FROM engine.events WHERE name = 'ordering.OrderPlaced'"
    )
    assert {row["key"]: row["trace"] for row in rows} == {
        str(one): trace for one, trace in zip(placed, given, strict=True)
    }
    assert len({row["position"] for row in rows}) < len(given)

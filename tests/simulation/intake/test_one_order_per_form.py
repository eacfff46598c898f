"""The same form from several intake processes that all have looked before any has written.

A gate in the database holds each process's insert up until all stand there: the interleaving that only a constraint
can decide. With the constraint taken out, the guest gets several meals.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from comanda.contexts.ordering import intake_store
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.idempotency import Answer
from tests.fakes.clock import FakeClock
from tests.fakes.lanes import until
from tests.fakes.shop import Shop, identity, open_shop, order_form, outcomes

PROCESSES = 3
GATE = 4711

STAND_AT_THE_GATE = f"""
CREATE FUNCTION stand_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({GATE});
    RETURN NULL;
END $$;
CREATE TRIGGER stands_at_the_gate BEFORE INSERT ON ordering.orders
    FOR EACH STATEMENT EXECUTE FUNCTION stand_at_the_gate();
"""

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

CONSTRAINT = "ON CONFLICT (restaurant_id, form_hash, copy) DO NOTHING"


@asynccontextmanager
async def processes(database: Database, clock: FakeClock) -> AsyncIterator[list[Shop]]:
    """Open the shop in several processes: each has its own connections and its own intake."""
    async with AsyncExitStack() as stack:
        shops = []
        for number in range(PROCESSES):
            own = Database(database.url, max_size=4, name=f"process {number}")
            await own.start()
            stack.push_async_callback(own.stop)
            shops.append(await stack.enter_async_context(open_shop(own, clock, found=number == 0)))
        yield shops


async def orders_of_one_form(database: Database, clock: FakeClock, keys: list[str | None]) -> tuple[int, list[object]]:
    """Click once in each process, with these keys, all at the gate together; return the orders and the answers."""
    gate: asyncpg.Connection = await database.connect()
    try:
        await gate.execute(STAND_AT_THE_GATE)
        async with processes(database, clock) as shops:
            await gate.execute("SELECT pg_advisory_lock($1)", GATE)
            clicks = asyncio.gather(
                *(shop.place(order_form(), key=key) for shop, key in zip(shops, keys, strict=True)),
                return_exceptions=True,
            )

            async def all_stand_there() -> bool:
                return bool(await database.fetch_value(WAITING) == PROCESSES)

            await until(all_stand_there)
            await gate.execute("SELECT pg_advisory_unlock($1)", GATE)
            answers = await clicks
            return await shops[0].count("ordering.orders"), list(answers)
    finally:
        await gate.close()


@pytest.mark.parametrize("keys", [["a", "b", "c"], ["a", "a", "b"], [None, None, None], ["a", None, None]])
async def test_a_form_that_all_processes_write_at_once_is_one_order(
    database: Database, clock: FakeClock, keys: list[str | None]
) -> None:
    """One click makes the order; the others get its answer, or are told of it."""
    orders, answers = await orders_of_one_form(database, clock, keys)
    assert orders == 1
    given, refused = outcomes(answers, Answer), outcomes(answers, Refused)
    assert len(given) + len(refused) == PROCESSES
    assert len({identity(answer) for answer in given}) == 1


async def test_without_the_constraint_each_process_makes_an_order(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: with UNIQUE (restaurant_id, form_hash, copy) dropped, each of the three keys has an order."""
    await database.fetch("ALTER TABLE ordering.orders DROP CONSTRAINT orders_one_per_form")
    assert CONSTRAINT in intake_store.INSERT_ORDERS
    without = intake_store.INSERT_ORDERS.replace(CONSTRAINT, "ON CONFLICT DO NOTHING")
    monkeypatch.setattr(intake_store, "INSERT_ORDERS", without)
    orders, _ = await orders_of_one_form(database, clock, ["a", "b", "c"])
    assert orders == PROCESSES

"""What a transaction promises at its end."""

import asyncio
import contextlib

import asyncpg
import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.database.database import InTransactionFailed
from tests.fakes.lanes import PATIENCE_S, until

ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND wait_event = 'PgSleep'"

FLUSH = "SELECT current_setting('synchronous_commit')"


async def test_a_swallowed_failure_is_told_at_the_commit(database: Database) -> None:
    """Who swallows a failed statement's error does not believe that the rest was committed."""
    await database.fetch("CREATE TABLE kept (a int)")

    async def swallow(tx: Transaction) -> None:
        await tx.execute("INSERT INTO kept VALUES (1)")
        with contextlib.suppress(asyncpg.UndefinedTableError):
            await tx.execute("SELECT * FROM nowhere")

    with pytest.raises(InTransactionFailed):
        await database.run(swallow)
    assert await database.fetch_value("SELECT count(*) FROM kept") == 0


async def test_only_who_asks_for_it_does_not_wait_for_the_disk(database: Database) -> None:
    """A commit that need not be durable is said so for one transaction, not for the connection's next."""
    async with database.transaction(durable=False) as tx:
        assert await tx.fetch_value(FLUSH) == "off"
    for _ in range(20):
        async with database.transaction() as tx:
            assert await tx.fetch_value(FLUSH) == "on"


async def test_a_cancelled_transaction_rolls_back_and_leaves_its_connection_usable(database: Database) -> None:
    """Cancelling whoever is in a transaction, also in the midst of a statement, rolls it back."""
    await database.fetch("CREATE TABLE kept (a int)")

    async def work() -> None:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO kept VALUES (1)")
            await tx.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    # A wish to cancel that overtakes its statement on the way to the server is lost there.
    await until(lambda: database.fetch_value(ASLEEP))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO kept VALUES (2)")
    assert await database.fetch_value("SELECT array_agg(a) FROM kept") == [2]


@pytest.mark.slow  # A second passes until the server is believed to have missed the wish.
async def test_a_wish_to_cancel_that_is_lost_does_not_keep_the_locks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server misses that a statement is to be broken off, its session is ended, and its locks are free."""
    await database.fetch("CREATE TABLE kept (a int)")

    async def lose(_: object, waiter: asyncio.Future[None], cancel_waiter: asyncio.Future[None] | None = None) -> None:
        waiter.set_result(None)
        if cancel_waiter is not None:
            await cancel_waiter

    monkeypatch.setattr(asyncpg.connection.Connection, "_cancel", lose)

    async def work() -> None:
        async with database.transaction() as tx:
            await tx.execute("LOCK TABLE kept")
            await tx.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await until(lambda: database.fetch_value(ASLEEP))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(PATIENCE_S), database.transaction() as tx:
        await tx.execute("INSERT INTO kept VALUES (2)")


async def test_what_is_left_for_later_keeps_its_order(database: Database) -> None:
    """Statements left for later run in their order, before the next that is awaited, and before the commit."""
    await database.fetch("CREATE TABLE kept (place serial, a int)")
    insert, double = "INSERT INTO kept (a) VALUES ($1)", "UPDATE kept SET a = a * $1"
    async with database.transaction() as tx:
        tx.execute_later(insert, 1)
        tx.execute_later(insert, 2)
        tx.execute_later(double, 10)
        assert await tx.fetch_value("SELECT array_agg(a ORDER BY place) FROM kept") == [10, 20]
        tx.execute_later(insert, 3)
    assert await database.fetch_value("SELECT array_agg(a ORDER BY place) FROM kept") == [10, 20, 3]


async def test_what_is_left_for_later_and_fails_commits_nothing(database: Database) -> None:
    """A statement left for later that fails raises at the end of its transaction, and all of it rolls back."""
    await database.fetch("CREATE TABLE kept (a int UNIQUE)")

    async def work(tx: Transaction) -> None:
        for number in (1, 2, 1):
            tx.execute_later("INSERT INTO kept VALUES ($1)", number)

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.run(work)
    assert await database.fetch_value("SELECT count(*) FROM kept") == 0

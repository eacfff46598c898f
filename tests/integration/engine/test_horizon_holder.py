"""A long transaction elsewhere: lanes wait for it, it is named, and lanes go on as soon as it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from structlog.testing import capture_logs

from comanda.engine.database import Database, Transaction
from comanda.engine.database.database import SESSION
from comanda.engine.errors import Unavailable
from comanda.engine.lanes import Consumer, consumer
from comanda.engine.lanes.horizon import HorizonHolder, horizon_holder
from tests.fakes.lanes import EFFECT, Rung, effects, make_effects, ringing, until, working

SOON_S = 2.0
"""Lanes go on within this time after the transaction has ended."""


@asynccontextmanager
async def elsewhere(database: Database, application: str = "a nightly report") -> AsyncIterator[asyncpg.Connection]:
    """Lend the connection of some other program."""
    connection = await asyncpg.connect(database.url, server_settings={"application_name": application})
    try:
        yield connection
    finally:
        await connection.close()


def ringer() -> Consumer:
    """Return a consumer that writes down what was rung."""

    @consumer("test.ringer", on=[Rung])
    async def ring(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)

    return ring


async def named(database: Database) -> HorizonHolder:
    """Wait until somebody is named."""
    found: list[HorizonHolder] = []

    async def look() -> bool:
        holder = await horizon_holder(database)
        if holder is not None:
            found.append(holder)
        return holder is not None

    await until(look)
    return found[0]


@pytest.mark.slow  # A culprit is one that has been at it for over a second.
async def test_lanes_wait_for_a_long_transaction_name_it_and_go_on_as_soon_as_it_ends(database: Database) -> None:
    """The log names the culprit's pid, age and cure once; nothing is handled meanwhile; then all within two seconds."""
    await make_effects(database)
    with capture_logs() as told:
        async with (
            ringing(database) as log,
            working(database, ringer()),
            elsewhere(database) as culprit,
        ):
            await until(
                lambda: database.fetch_value("SELECT count(*) = 16 FROM engine.cursors WHERE owner IS NOT NULL")
            )
            writing = culprit.transaction()
            await writing.start()
            await culprit.execute("CREATE TABLE report (day date)")
            async with database.transaction() as tx:
                await log.emit(tx, Rung(bell="noon", number=1))
            holder = await named(database)

            async def complained() -> bool:
                return any("writing transaction" in line["event"] for line in told)

            await until(complained)
            assert await effects(database) == []
            pid = culprit.get_server_pid()
            await writing.commit()
            async with asyncio.timeout(SOON_S):
                await until(lambda: effects(database))
    assert holder.pid == pid
    assert holder.application == "a nightly report"
    assert holder.state == "idle in transaction"
    assert holder.query.startswith("CREATE TABLE report")
    assert holder.age_s >= holder.waiting_s >= 1.0
    complaints = [line for line in told if "writing transaction" in line["event"]]
    assert len(complaints) == 1
    assert complaints[0]["pid"] == pid
    assert complaints[0]["event"].startswith(f"pid {pid} (a nightly report) has kept a writing transaction open for ")
    assert complaints[0]["event"].endswith(f"End it with SELECT pg_terminate_backend({pid})")


@pytest.mark.slow  # As above.
async def test_the_cure_that_is_told_ends_the_transaction(database: Database) -> None:
    """The SQL in the complaint, run as it stands, lets the horizon go."""
    async with ringing(database) as log, elsewhere(database) as culprit:
        await culprit.execute("BEGIN")
        await culprit.execute("CREATE TABLE report (day date)")
        async with database.transaction() as tx:
            await log.emit(tx, Rung(bell="noon", number=1))
        await database.fetch((await named(database)).cure)

        async def gone() -> bool:
            return await horizon_holder(database) is None

        await until(gone)


@pytest.mark.slow  # As above.
async def test_a_prepared_transaction_is_named_by_its_name(database: Database) -> None:
    """It has no process, and its cure is to roll it back."""
    async with ringing(database) as log, elsewhere(database) as culprit:
        await culprit.execute("BEGIN")
        await culprit.execute("CREATE TABLE report (day date)")
        await culprit.execute("PREPARE TRANSACTION 'left''over'")
        try:
            async with database.transaction() as tx:
                await log.emit(tx, Rung(bell="noon", number=1))
            holder = await named(database)
        finally:
            await culprit.execute("ROLLBACK PREPARED 'left''over'")
    assert (holder.pid, holder.prepared) == (None, "left'over")
    assert holder.cure == "ROLLBACK PREPARED 'left''over'"
    assert "prepared transaction" in str(holder)


@pytest.mark.slow  # It waits for as long as a culprit would need to be named.
async def test_who_only_reads_and_who_holds_nothing_up_is_not_named(database: Database) -> None:
    """A long read holds no horizon; a long writer with no event behind it has nobody waiting."""
    async with ringing(database) as log, elsewhere(database) as reader, elsewhere(database) as writer:
        async with database.transaction() as tx:
            await log.emit(tx, Rung(bell="noon", number=1))
        await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await reader.fetch("SELECT count(*) FROM engine.events")
        await writer.execute("BEGIN")
        await writer.execute("CREATE TABLE report (day date)")
        await asyncio.sleep(1.2)
        assert await horizon_holder(database) is None
        async with database.transaction() as tx:
            await log.emit(tx, Rung(bell="noon", number=2))
        assert (await named(database)).pid == writer.get_server_pid()


async def test_a_process_that_hangs_in_a_transaction_does_not_hold_lanes_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends its session, the horizon goes on, and its commit is refused should it wake up."""
    assert await database.fetch_value("SHOW idle_in_transaction_session_timeout") == "10s"
    monkeypatch.setitem(SESSION, "idle_in_transaction_session_timeout", "300ms")
    hanging = Database(database.url)
    await hanging.start()

    async def passed() -> bool:
        return bool(
            await database.fetch_value(
                "SELECT pg_snapshot_xmin(pg_current_snapshot()) > max(position) FROM engine.events"
            )
        )

    async def hang() -> None:
        async with hanging.transaction() as tx:
            await tx.execute("CREATE TABLE report (day date)")
            async with ringing(database) as log, database.transaction() as other:
                await log.emit(other, Rung(bell="noon", number=1))
            assert not await passed()
            await until(passed)

    with pytest.raises(Unavailable):
        await hang()
    await hanging.stop()
    assert await database.fetch_value("SELECT to_regclass('report')") is None

"""The log's positions and its horizon: each half is taken away, and the fault that it prevents is seen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from comanda.engine.database import Database
from comanda.engine.lanes import log_source
from comanda.engine.lanes.cursors import ensure
from comanda.engine.lanes.log_source import move, read
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.tables import POSITION

CONSUMER = "test.reader"
SHARD = 3
HELD = {SHARD: 0}
OWN_ID_ALONE = "pg_current_xact_id()"
SNAPSHOT_ALONE = "pg_snapshot_xmax(pg_current_snapshot())"

EMIT = "INSERT INTO engine.events (shard, name, version, key, payload) VALUES ($1, 'test.Rung', 1, $2, $3::text::json)"

SLOW_EMIT = """
INSERT INTO engine.events (shard, name, version, key, payload)
SELECT $1, 'test.Rung', 1, $2, '{}' FROM (SELECT pg_advisory_xact_lock(42)) AS gate
"""
"""Takes its snapshot, and then stands at a gate before its first write: what a busy server does to a statement."""


async def positions_are(database: Database, expression: str) -> None:
    """Have the log's positions computed so, in every partition."""
    for row in await database.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'engine.events'::regclass"
    ):
        await database.fetch(f"ALTER TABLE {row['name']} ALTER position SET DEFAULT {expression}")
    await database.fetch(f"ALTER TABLE engine.events ALTER position SET DEFAULT {expression}")


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Lend a connection of the test's own."""
    connection = await database.connect()
    try:
        yield connection
    finally:
        await connection.close()


async def handled(database: Database) -> list[str]:
    """Read what can be read, move the cursor past it, and return the keys' payloads in their order."""
    await database.run(lambda tx: ensure(tx, {CONSUMER: None}))
    events: list[LoggedEvent] = await read(database, CONSUMER, HELD, ["test.Rung"], 100)
    if events:
        async with database.transaction() as tx:
            await move(tx, CONSUMER, events)
    return [event.payload for event in events]


async def early_id_and_late_write(database: Database) -> list[str]:
    """A transaction that got its id early writes late, after another has written the same key; return the order."""
    await database.fetch("CREATE TABLE entity (id int)")
    async with connected(database) as early, connected(database) as other:
        gets_its_id = early.transaction()
        await gets_its_id.start()
        await early.execute("INSERT INTO entity VALUES (1)")
        await other.execute(EMIT, SHARD, "bell", '"first"')
        await early.execute(EMIT, SHARD, "bell", '"second"')
        await gets_its_id.commit()
    return await handled(database)


async def first_write_behind_readers(database: Database) -> list[str]:
    """An insert that is its transaction's first write comes in late, when readers have passed; return what is read."""
    async with connected(database) as slow, connected(database) as gate, connected(database) as other:
        await gate.execute("SELECT pg_advisory_lock(42)")
        inserting = slow.fetch(SLOW_EMIT, SHARD, "slow")
        pending = asyncio.ensure_future(inserting)
        while not await database.fetch_value("SELECT count(*) FROM pg_locks WHERE objid = 42 AND NOT granted"):  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0)
        for _ in range(3):
            await other.execute(EMIT, SHARD, "other", '"quick"')
        read_before = await handled(database)
        assert read_before.count('"quick"') == 3
        await gate.execute("SELECT pg_advisory_unlock(42)")
        await pending
    return await handled(database)


async def test_a_late_write_of_an_early_transaction_keeps_its_keys_order(database: Database) -> None:
    """What became true second is read second, whenever its transaction began."""
    assert await early_id_and_late_write(database) == ['"first"', '"second"']


async def test_with_the_transactions_id_alone_the_order_is_lost(database: Database) -> None:
    """Planted: without the snapshot's half the second event stands before the first."""
    await positions_are(database, OWN_ID_ALONE)
    assert await early_id_and_late_write(database) == ['"second"', '"first"']


async def test_a_slow_first_write_is_not_lost(database: Database) -> None:
    """An insert that took its snapshot long before its id still lands before the readers."""
    assert await first_write_behind_readers(database) == ["{}"]


async def test_with_the_snapshots_end_alone_a_slow_write_is_lost(database: Database) -> None:
    """Planted: without the id's half the event comes in behind the readers, who never see it."""
    await positions_are(database, SNAPSHOT_ALONE)
    assert await first_write_behind_readers(database) == []


async def overtaken(database: Database) -> list[str]:
    """An event commits after a later one was read; return what the next look finds."""
    async with connected(database) as first, connected(database) as second:
        open_ = first.transaction()
        await open_.start()
        await first.execute(EMIT, SHARD, "a", '"slow"')
        await second.execute(EMIT, SHARD, "b", '"quick"')
        await handled(database)
        await open_.commit()
    return await handled(database)


async def test_readers_stay_below_the_oldest_writer(database: Database) -> None:
    """Nothing is read past a transaction that is still writing, so that nothing comes in behind."""
    assert await overtaken(database) == ['"slow"', '"quick"']


async def test_without_the_horizon_an_event_is_lost(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: readers that do not wait pass an event that is not committed yet, and never see it."""
    monkeypatch.setattr(
        log_source, "READ", log_source.READ.replace("AND e.position < pg_snapshot_xmin(pg_current_snapshot())", "")
    )
    assert await overtaken(database) == []


async def test_the_position_is_the_one_that_was_tried(database: Database) -> None:
    """The migrated database computes positions by the expression of the engine's tables."""
    stands = await database.fetch_value(
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'engine.events'::regclass "
        "AND adnum = (SELECT attnum FROM pg_attribute WHERE attrelid = adrelid AND attname = 'position')"
    )
    assert stands.lower() == POSITION.lower()

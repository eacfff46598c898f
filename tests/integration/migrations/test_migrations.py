import asyncio
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from comanda.engine.database import Database
from comanda.engine.database.partitions import ensure_partitions
from comanda.engine.tables import PARTITIONED as LOG
from comanda.migrations import migrate
from comanda.migrations.comparison import OPTIONS, know_our_types
from comanda.tables import METADATA
from tests.fakes.clock import FakeClock

EMIT = "INSERT INTO engine.events (shard, name, version, key, payload) VALUES (3, 'a.B', 1, 'k', '{}') RETURNING id"

PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'engine.events'::regclass"


def _differences(connection: Connection) -> list[object]:
    know_our_types()
    migrations = MigrationContext.configure(connection, opts=OPTIONS)
    # Alembic takes several, whatever its annotation says.
    return list(compare_metadata(migrations, list(METADATA)))  # type: ignore[arg-type]


async def test_migrated_database_equals_the_live_metadata(database_url: str) -> None:
    """What the migrations make is what the code describes, table by table and column by column."""
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        found = await connection.run_sync(_differences)
    await engine.dispose()
    assert found == []


async def test_many_starters_migrate_an_empty_database_once(empty_database_url: str) -> None:
    """Processes that start together on an empty database do not fall over each other."""
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    database = Database(empty_database_url)
    await database.start()
    assert await database.fetch_value("SELECT count(*) FROM engine.schema_version") == 1
    assert await database.fetch_value(PARTITIONS) == LOG[0].ahead + 2
    await database.stop()


async def test_migrating_a_filled_database_keeps_what_is_in_it(database: Database) -> None:
    """A second run changes nothing and loses nothing."""
    event = await database.fetch_value(EMIT)
    await migrate(database.url)
    assert await database.fetch_value("SELECT id FROM engine.events") == event


async def test_events_of_a_day_without_partition_move_into_it(database: Database) -> None:
    """An event that fell into the default partition keeps its place in the log when its day's partition is made."""
    today = await database.fetch_value("SELECT now()")
    name = f"engine.events_p{today:%Y%m%d}"
    async with database.transaction() as tx:
        await tx.execute(f"ALTER TABLE engine.events DETACH PARTITION {name}")
        await tx.execute(f"DROP TABLE {name}")
    event = await database.fetch_value(EMIT)
    position = await database.fetch_value("SELECT position::text FROM engine.events")
    assert await database.fetch_value("SELECT count(*) FROM engine.events_default") == 1

    made = await database.run(lambda tx: ensure_partitions(tx, LOG, FakeClock(today)))

    assert made == [name]
    assert await database.fetch_value("SELECT count(*) FROM engine.events_default") == 0
    row = await database.fetch_row("SELECT id, position::text FROM engine.events")
    assert row is not None
    assert tuple(row.values()) == (event, position)


async def test_partitions_stay_ahead_as_days_pass(database: Database) -> None:
    """Each day one more partition is made, and running it twice makes none."""
    tomorrow = FakeClock(await database.fetch_value("SELECT now()") + timedelta(days=1))
    made = await database.run(lambda tx: ensure_partitions(tx, LOG, tomorrow))
    assert len(made) == 1
    assert await database.run(lambda tx: ensure_partitions(tx, LOG, tomorrow)) == []


@pytest.mark.parametrize("table", ["engine.events", "engine.events_default"])
async def test_making_partitions_gives_up_soon_when_the_log_is_locked(database: Database, table: str) -> None:
    """A long transaction on the log makes the maintenance wait a second at most: writers queue behind it."""
    far = FakeClock(await database.fetch_value("SELECT now()") + timedelta(days=30))
    async with database.transaction() as holder:
        await holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            await database.run(lambda tx: ensure_partitions(tx, LOG, far))

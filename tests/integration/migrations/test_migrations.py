import asyncio
import subprocess
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from comanda.engine.database import Database
from comanda.engine.database.cluster import programs
from comanda.engine.database.partitions import ensure_partitions
from comanda.engine.tables import PARTITIONED as LOG
from comanda.migrations import migrate
from comanda.migrations.comparison import OPTIONS, know_our_types
from comanda.tables import METADATA, PARTITIONED
from tests.fakes.clock import FakeClock

EMIT = "INSERT INTO engine.events (shard, name, version, key, payload) VALUES (3, 'a.B', 1, 'k', '{}') RETURNING id"

PARK = """
INSERT INTO engine.parked
    (consumer, event_id, shard, position, at, version, name, key, payload, attempts, error, next_at)
SELECT 'a.b', id, shard, position, at, version, name, key, payload, 1, 'no', now() FROM engine.events
"""

KEPT = """
SELECT e.id, p.attempts, e.trace, p.trace AS parked_trace FROM engine.events e JOIN engine.parked p ON p.event_id = e.id
"""

PERIODS = """
SELECT inhrelid::regclass::text AS name, inhparent::regclass::text AS parent FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhrelid WHERE relkind = 'r' AND relname ~ '_p[0-9]{8}$'
"""

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


def _schema(url: str) -> str:
    """Return the whole shape of a database, as pg_dump writes it."""
    dump = [str(programs() / "pg_dump"), "--schema-only", "--no-owner", "--exclude-table=engine.schema_version", url]
    done = subprocess.run([*dump, "--restrict-key=same"], check=True, capture_output=True, text=True)
    return done.stdout


async def test_migrations_make_the_same_database_as_the_metadata(database: Database, empty_database_url: str) -> None:
    """Checks, defaults, indexes and keys included, which Alembic's comparison looks at only in part."""
    fresh = Database(empty_database_url, max_size=1)
    await fresh.start()
    engine = create_async_engine(empty_database_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        for metadata in METADATA:
            await connection.exec_driver_sql(f"CREATE SCHEMA {metadata.schema}")
            await connection.run_sync(metadata.create_all)
    await engine.dispose()
    for cut in PARTITIONED:
        async with fresh.transaction() as tx:
            await tx.execute(f"CREATE TABLE {cut.table}_default PARTITION OF {cut.table} DEFAULT")
    await fresh.stop()
    # The partitions of days and months are made by a program, not by a migration.
    for row in await database.fetch(PERIODS):
        async with database.transaction() as tx:
            await tx.execute(f"ALTER TABLE {row['parent']} DETACH PARTITION {row['name']}")
            await tx.execute(f"DROP TABLE {row['name']}")

    assert _schema(database.url).splitlines() == _schema(empty_database_url).splitlines()


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


async def test_a_database_filled_under_the_first_migration_comes_up_to_date(empty_database_url: str) -> None:
    """What was logged and parked before is kept, with nothing in the columns that are new."""
    await migrate(empty_database_url, revision="0001_foundation")
    old = Database(empty_database_url)
    await old.start()
    try:
        event = await old.fetch_value(EMIT)
        await old.fetch(PARK)
        await migrate(empty_database_url)
        row = await old.fetch_row(KEPT)
        assert row is not None
        assert tuple(row.values()) == (event, 1, None, None)
    finally:
        await old.stop()


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

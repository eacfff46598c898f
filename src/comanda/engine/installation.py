"""The engine on its own: its tables, for a program that has no restaurants.

Comanda itself uses migrations (`comanda.migrations`), which keep a database that is in use; the result is the same,
which a test compares.
"""

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database.database import Database
from comanda.engine.database.partitions import ensure_partitions
from comanda.engine.tables import PARTITIONED, Base

LOCK = 4_120_002
"""The advisory lock under which tables are made, so that of two starters one waits for the other."""


async def install(database: Database, clock: Clock | None = None) -> None:
    """Make the engine's tables in the schema `engine` where they are missing, and the next days' partitions.

    May be called by many at once, and again at any time: once a day keeps partitions ahead.
    """
    async with database.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        if await tx.fetch_value("SELECT to_regclass('engine.events')") is None:
            for statement in statements():
                await tx.execute(statement)
    await database.run(lambda tx: ensure_partitions(tx, PARTITIONED, clock or SystemClock()))


def statements() -> list[str]:
    """Return the SQL that makes the engine's schema, tables and indexes."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = ["CREATE SCHEMA IF NOT EXISTS engine"]
    for table in Base.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in sorted(table.indexes, key=str)]
    made += [f"CREATE TABLE {parts.table}_default PARTITION OF {parts.table} DEFAULT" for parts in PARTITIONED]
    return made

"""Bringing a database to the present shape."""

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database import Database
from comanda.engine.database.partitions import ensure_partitions
from comanda.tables import PARTITIONED

log = structlog.get_logger(__name__)

LOCK = 4_120_001
"""The advisory lock under which migrations run, so that of two starters one waits for the other."""


async def migrate(url: str, *, clock: Clock | None = None, revision: str = "head") -> None:
    """Run all migrations that the database at `url` has not seen, and make the next days' partitions.

    Promise: may be called by many at once, and again at any time. Every migration is whole or not at all.
    Raises `Unavailable` when the server does not answer.
    """
    database = Database(url, min_size=1, max_size=1, name="comanda migrate")
    await database.start()
    try:
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
                await connection.execute(text("CREATE SCHEMA IF NOT EXISTS engine"))
                await connection.commit()
                await connection.run_sync(_upgrade, revision)
                await connection.commit()
        finally:
            # The lock goes with the connection.
            await engine.dispose()
        await database.run(lambda tx: ensure_partitions(tx, PARTITIONED, clock or SystemClock()))
    finally:
        await database.stop()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)

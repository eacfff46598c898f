"""Drafting the next migration: `make migration NAME=what_it_does`.

A fresh database is migrated to the present head and compared with the live metadata; the difference is written as a new
file in `versions/`, to be read and completed by whoever asked for it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.migrations.migrate import migrate

FOLDER = Path(__file__).parent


def next_number() -> int:
    """Return the number of the next migration."""
    return max(int(path.name.partition("_")[0]) for path in (FOLDER / "versions").glob("[0-9]*_*.py")) + 1


async def draft(name: str) -> None:
    """Write the draft of a migration called `name`."""
    with tempfile.TemporaryDirectory(prefix="comanda-draft-") as folder:
        server = EmbeddedPostgres(Path(folder), settings={"fsync": "off"})
        await server.start()
        try:
            await migrate(server.url)
            engine = create_async_engine(server.url.replace("postgresql://", "postgresql+asyncpg://", 1))
            async with engine.connect() as connection:
                await connection.run_sync(_write, name)
            await engine.dispose()
        finally:
            await server.stop()


def _write(connection: Connection, name: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["connection"] = connection
    command.revision(
        config, name.replace("_", " ").capitalize(), autogenerate=True, rev_id=f"{next_number():04}_{name}"
    )


if __name__ == "__main__":
    asyncio.run(draft(sys.argv[1]))

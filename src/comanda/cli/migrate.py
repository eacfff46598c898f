"""`comanda migrate`."""

import asyncio

from comanda.cli.command import Data, begin, command
from comanda.migrations import migrate as run_migrations
from comanda.processes.database_home import with_database
from comanda.settings import Settings


def migrate(data: Data = None) -> None:
    """Bring the database to the present shape. Safe to run again, and by many at once.

    Example: COMANDA_DATABASE_URL=postgresql://user@host/comanda comanda migrate
    """
    asyncio.run(_migrate(begin("migrate", data=data)))


async def _migrate(settings: Settings) -> None:
    async with with_database(settings) as found:
        await run_migrations(found.database_url)


app = command(migrate)

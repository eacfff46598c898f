"""A worker process that gets stuck in the middle of a batch, with an effect written and not committed, to be killed.

`python -m tests.conformance.transports.dying_worker EVENTS_URL DATABASE_URL FOLDER`; the file `stuck` in the folder
says that it is.
"""

import asyncio
import sys
from pathlib import Path

from comanda.engine.database import Database, Transaction
from comanda.engine.lanes import consumer
from tests.conformance.transports.stage import process
from tests.fakes.lanes import EFFECT, Rung

LATE = 60
"""From this number on a bell's ring gets the worker stuck."""


async def work(url: str, database_url: str, folder: Path) -> None:
    """Work until stuck, and then until killed."""

    @consumer("test.hear", [Rung], batch=20)
    async def hear(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)
        if event.number >= LATE:
            folder.joinpath("stuck").touch()
            await asyncio.Event().wait()

    database = Database(database_url, name="dying")
    await database.start()
    async with process(url, database, hear, folder=folder):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3])))

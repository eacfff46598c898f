"""A worker process that gets stuck between its commit and the deletion of the messages, to be killed.

`python -m tests.integration.transports.sns_sqs.dying_worker EVENTS_URL DATABASE_URL FOLDER`; the file `stuck` in the
folder says that it is.
"""

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from comanda.engine.database import Database
from comanda.engine.transports.sns_sqs.queue import Queue
from tests.conformance.transports.stage import process
from tests.integration.transports.sns_sqs.consumers import hear


async def work(url: str, database_url: str, folder: Path) -> None:
    """Work until stuck, and then until killed."""

    def delete(_: Queue, receipts: Sequence[str]) -> None:
        del receipts
        folder.joinpath("stuck").touch()
        threading.Event().wait()

    setattr(Queue, "delete", delete)  # noqa: B010 - the fault point
    database = Database(database_url, name="dying")
    await database.start()
    async with process(url, database, hear, folder=folder):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3])))

"""A process that moves timers in small chunks until it is killed: `python -m tests.fakes.moving URL`."""

import asyncio
import sys

from comanda.engine.database import Database
from comanda.engine.timers import TimerMover, mover


async def move(url: str) -> None:
    """Move for ever."""
    mover.CHUNK = 10
    async with asyncio.timeout(60):
        database = Database(url, name="moving")
        await database.start()
        while True:
            await TimerMover(database).move_due()


if __name__ == "__main__":
    asyncio.run(move(sys.argv[1]))

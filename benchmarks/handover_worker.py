"""A worker whose effect is one row for each event, with who made it: python handover_worker.py URL LEASE_S."""

import asyncio
import os
import signal
import sys
from typing import ClassVar

import uvloop

from comanda.engine.database import Database, Transaction
from comanda.engine.events import Event, EventCatalogue
from comanda.engine.lanes import Worker, consumer
from comanda.engine.service import running


class Ticked(Event, frozen=True, kw_only=True):
    """A clock ticked."""

    name: ClassVar[str] = "bench.Ticked"
    key_field: ClassVar[str] = "clock"

    clock: str
    number: int


@consumer("bench.handover", on=[Ticked])
async def handle(tx: Transaction, event: Ticked) -> None:
    """Write who handled the event, and when."""
    await tx.execute("INSERT INTO handled (number, pid) VALUES ($1, $2)", event.number, os.getpid())


async def main(url: str, lease_s: float) -> None:
    """Work until SIGTERM."""
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    database = Database(url)
    async with running([database, Worker(database, EventCatalogue([Ticked]), [handle], lease_s=lease_s)]):
        await enough.wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], float(sys.argv[2])))

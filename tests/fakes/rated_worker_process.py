"""A worker process whose lane calls under a rate, and writes down when each call began.

    python -m tests.fakes.rated_worker_process URL PER_S BURST FILE

It works until it is killed, or until its standard input ends.
"""

import asyncio
import sys
from pathlib import Path

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.lanes import OutsideConsumer
from comanda.engine.rates import Rate
from tests.fakes.lanes import EFFECT, Rung, worker
from tests.fakes.noted_checks import NotedChecks


def rated(per_s: float, burst: float, file: Path) -> OutsideConsumer:
    """Return a consumer that calls under a rate, and notes each call in `file`."""
    checks = NotedChecks(SystemClock())
    noted = file.open("a", buffering=1)

    async def claim(_: Transaction, event: Rung) -> Rung:
        return event

    async def perform(_: Rung) -> None:
        noted.write(f"{checks.take()}\n")

    async def conclude(tx: Transaction, event: Rung, _: None) -> None:
        await tx.execute(EFFECT, event.bell, event.number)

    return OutsideConsumer(
        name="test.rated",
        on=(Rung,),
        claim=claim,
        perform=perform,
        conclude=conclude,
        rates=(Rate(per_s=per_s, burst=burst),),
    )


async def main(url: str, per_s: str, burst: str, file: str) -> None:
    """Work."""
    database = Database(url, max_size=6)
    await database.start()
    working = worker(database, rated(float(per_s), float(burst), Path(file)))
    await working.start()
    await asyncio.to_thread(sys.stdin.read)
    await working.stop()
    await database.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

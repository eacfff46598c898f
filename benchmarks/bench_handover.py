"""How long the work of a worker that ends stands still: told to stop, killed, or hung."""

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from handover_worker import Ticked
from report import write

from comanda.engine.database import Database
from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.engine.events import SHARDS, EventLog, Waker, shard_of
from comanda.engine.installation import install
from comanda.engine.service import running

WORKER = Path(__file__).parent / "handover_worker.py"
LEASE_S = 10.0
EVERY_S = 0.02

WAYS = {"told to stop": signal.SIGTERM, "killed": signal.SIGKILL, "hung": signal.SIGSTOP}

OWNED = """
SELECT w.pid, c.shard FROM engine.cursors c JOIN engine.workers w ON w.id = c.owner WHERE c.consumer = 'bench.handover'
"""

FIRST = """
SELECT max(stood_still) FROM (
    SELECT min(h.at) - $2::timestamptz AS stood_still FROM handled h JOIN emitted e USING (number)
    WHERE h.at > $2 AND h.pid <> $3 AND e.shard = ANY ($1::int[]) GROUP BY e.shard
) AS shards
"""

GOING_ON = """
SELECT count(DISTINCT e.shard) FROM handled h JOIN emitted e USING (number)
WHERE h.at > $2 AND h.pid <> $3 AND e.shard = ANY ($1::int[])
"""

HANDLED = "SELECT count(DISTINCT number) FROM handled"
DOUBLED = "SELECT count(*) - count(DISTINCT number) FROM handled"

SETTING = (
    "Two workers share a lane, an event for each of 16 shards comes every 20 ms; the figure is how long the slowest of "
    "the victim's shards stood still, in seconds, by the database's clock. The hung worker is woken again in the end."
)
ELSEWHERE = (
    "Measured elsewhere on such a machine, until another worker ran a killed worker's job: RabbitMQ 1.2 s, "
    "pgqueuer 32 s, dramatiq 98 s, celery with late acks 107 s, arq 308 s."
)
GOALS = "Goals: told to stop under 1 s, killed under 2 s, hung within the lease, here 10 s."


async def emit(database: Database, log: EventLog, stopping: asyncio.Event) -> int:
    """Emit one event for each shard, again and again; return how many."""
    clocks = {shard_of(f"clock {n}"): f"clock {n}" for n in range(1000)}
    number = 0
    while not stopping.is_set():
        async with database.transaction() as tx:
            events = []
            for shard in range(SHARDS):
                number += 1
                events.append(Ticked(clock=clocks[shard], number=number))
                await tx.execute("INSERT INTO emitted VALUES ($1, $2)", number, shard)
            await log.emit_all(tx, events)
        await asyncio.sleep(EVERY_S)
    return number


async def spread(database: Database, *pids: int) -> dict[int, list[int]]:
    """Wait until just these workers own all shards, and return which owns which."""
    while True:
        owned: dict[int, list[int]] = {}
        for row in await database.fetch(OWNED):
            owned.setdefault(row["pid"], []).append(row["shard"])
        if set(owned) == set(pids) and sum(map(len, owned.values())) == SHARDS:
            return owned
        await asyncio.sleep(0.02)


async def going_on(database: Database, shards: list[int], since: datetime, victim: int) -> None:
    """Wait until each of the shards has had an event handled by another worker."""
    while await database.fetch_value(GOING_ON, shards, since, victim) < len(shards):  # noqa: ASYNC110 - rows tell nobody
        await asyncio.sleep(EVERY_S)


async def round_of(database: Database, url: str, way: signal.Signals) -> float:
    """Let one of two workers end in a way, and return for how long its work stood still, in seconds."""
    start = [sys.executable, str(WORKER), url, str(LEASE_S)]
    victim, other = [await asyncio.create_subprocess_exec(*start) for _ in range(2)]
    try:
        shards = (await spread(database, victim.pid, other.pid))[victim.pid]
        began = await database.fetch_value("SELECT clock_timestamp()")
        victim.send_signal(way)
        await spread(database, other.pid)
        await going_on(database, shards, began, victim.pid)
        stood_still: Any = await database.fetch_value(FIRST, shards, began, victim.pid)
        return float(stood_still.total_seconds())
    finally:
        if way == signal.SIGSTOP:
            # It has woken up, and what it had in hand was refused, once it has shards again.
            victim.send_signal(signal.SIGCONT)
            await spread(database, victim.pid, other.pid)
        for worker in (victim, other):
            if worker.returncode is None:
                worker.terminate()
            await worker.wait()


async def measure(rounds: int) -> None:
    """Run all and write the report."""
    figures: dict[str, Any] = {}
    rows = []
    with tempfile.TemporaryDirectory(prefix="comanda-handover-") as folder:
        server = EmbeddedPostgres(Path(folder))
        await server.start()
        database = Database(server.url)
        waker = Waker(database)
        try:
            async with running([database, waker]):
                await install(database)
                await database.fetch(
                    "CREATE TABLE handled (number int, pid int, at timestamptz DEFAULT clock_timestamp())"
                )
                await database.fetch("CREATE TABLE emitted (number int PRIMARY KEY, shard int)")
                stopping = asyncio.Event()
                emitting = asyncio.create_task(emit(database, EventLog(waker), stopping))
                for name, way in WAYS.items():
                    each = [await round_of(database, server.url, way) for _ in range(rounds)]
                    figures[name] = each
                    rows.append({"a worker is": name, "median s": statistics.median(each), "most s": max(each)})
                    print(rows[-1], flush=True)
                stopping.set()
                figures["emitted"] = await emitting
                last = await asyncio.create_subprocess_exec(sys.executable, str(WORKER), server.url, str(LEASE_S))
                while await database.fetch_value(HANDLED) < figures["emitted"]:  # noqa: ASYNC110 - rows tell nobody
                    await asyncio.sleep(0.1)
                last.terminate()
                await last.wait()
                figures["doubled"] = await database.fetch_value(DOUBLED)
        finally:
            await server.stop()
    counted = f"Of {figures['emitted']:,} events none was lost and {figures['doubled']} doubled."
    write("handover", "Hand-over", figures, rows, [SETTING, GOALS, ELSEWHERE, counted])


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each way to end")
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()

"""pgqueuer as its guide to performance has it: asyncpg, uvloop, jobs enqueued and fetched in batches; durable."""

import asyncio
import json
import sys

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from tally import Tally, clock, say

BATCH = 100
"""Jobs in one fetch."""

POOL = 10


async def prepare(url: str) -> None:
    """Make its tables and ours."""
    connection = await asyncpg.connect(url)
    await Queries(AsyncpgDriver(connection)).install()
    await connection.execute("CREATE TABLE effects (place bigserial PRIMARY KEY, bell text, number int)")
    await connection.execute("CREATE TABLE orders (number int)")
    await connection.close()


def payload(number: int) -> bytes:
    """Return an event as every contender has it."""
    return json.dumps({"bell": f"bell {number % 1000}", "number": number}).encode()


async def fill(url: str, count: int, step: int) -> None:
    """Enqueue `count` jobs, `step` in each transaction, beside a row of the caller's."""
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    began = clock()
    for start in range(0, count, step):
        size = min(step, count - start)
        async with connection.transaction():
            await connection.execute("INSERT INTO orders VALUES ($1)", start)
            await queries.enqueue(["ring"] * size, [payload(n) for n in range(start, start + size)], [0] * size)
    say(json.dumps({"s": clock() - began}))
    await connection.close()


async def emit(url: str, count: int, gap_s: float) -> None:
    """Enqueue one job after the other with pauses, and print when each was committed."""
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    stamps = []
    for number in range(count):
        await asyncio.sleep(gap_s * (0.5 + (number * 7919 % 1000) / 1000))
        await queries.enqueue("ring", payload(number), 0)
        stamps.append((number, clock()))
    say(json.dumps({"stamps": stamps}))
    await connection.close()


async def work(url: str, case: str) -> None:
    """Handle jobs."""
    tally = Tally()
    pool = await asyncpg.create_pool(url, min_size=POOL, max_size=POOL)
    queuer = PgQueuer(AsyncpgPoolDriver(pool))

    if case == "effect":

        @queuer.entrypoint("ring")
        async def leave(job: Job) -> None:
            event = json.loads(job.payload)
            await pool.execute("INSERT INTO effects (bell, number) VALUES ($1, $2)", event["bell"], event["number"])
            tally.handled()
    elif case == "latency":

        @queuer.entrypoint("ring")
        async def note(job: Job) -> None:
            tally.stamp(json.loads(job.payload)["number"])
    else:

        @queuer.entrypoint("ring")
        async def pass_by(job: Job) -> None:
            json.loads(job.payload)
            tally.handled()

    tally.begin()
    await queuer.run(batch_size=BATCH)


def main() -> None:
    """Do as the arguments say."""
    command, url, *rest = sys.argv[1:]
    if command == "prepare":
        uvloop.run(prepare(url))
    elif command == "fill":
        uvloop.run(fill(url, int(rest[0]), int(rest[1])))
    elif command == "emit":
        uvloop.run(emit(url, int(rest[0]), float(rest[1])))
    else:
        uvloop.run(work(url, rest[0]))


if __name__ == "__main__":
    main()

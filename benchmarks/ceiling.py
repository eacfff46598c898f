"""The ceiling: a loop around asyncpg that claims rows of a bare table and deletes them, 500 in a transaction.

It promises nothing of what a queue promises: no order, no retries, no lease; a row that fails stops it.
"""

import asyncio
import json
import sys

import asyncpg
import uvloop
from peers.tally import Tally, clock, say

BATCH = 500

CLAIM = """
DELETE FROM jobs WHERE id = ANY (
    ARRAY(SELECT id FROM jobs ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
) RETURNING payload
"""

EFFECTS = "INSERT INTO effects (bell, number) SELECT * FROM unnest($1::text[], $2::int[])"


async def prepare(url: str) -> None:
    """Make the tables."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text)")
    await connection.execute("CREATE TABLE effects (place bigserial PRIMARY KEY, bell text, number int)")
    await connection.execute("CREATE TABLE orders (number int)")
    await connection.close()


async def fill(url: str, count: int, step: int) -> None:
    """Insert `count` rows, `step` in each transaction, beside a row of the caller's."""
    connection = await asyncpg.connect(url)
    began = clock()
    for start in range(0, count, step):
        payloads = [
            json.dumps({"bell": f"bell {n % 1000}", "number": n}) for n in range(start, min(start + step, count))
        ]
        async with connection.transaction():
            await connection.execute("INSERT INTO orders VALUES ($1)", start)
            await connection.execute("INSERT INTO jobs (payload) SELECT unnest($1::text[])", payloads)
    say(json.dumps({"s": clock() - began}))
    await connection.close()


async def work(url: str, case: str) -> None:
    """Claim, decode, delete; with an effect, insert."""
    tally = Tally()
    connection = await asyncpg.connect(url)
    tally.begin()
    while True:
        async with connection.transaction():
            rows = await connection.fetch(CLAIM, BATCH)
            events = [json.loads(row["payload"]) for row in rows]
            if case == "effect batched" and rows:
                await connection.execute(EFFECTS, [e["bell"] for e in events], [e["number"] for e in events])
        tally.handled(len(rows))
        if not rows:
            await asyncio.sleep(0.01)


async def run(command: str, url: str, rest: list[str]) -> None:
    """Do as the arguments say."""
    if command == "prepare":
        await prepare(url)
    elif command == "fill":
        await fill(url, int(rest[0]), int(rest[1]))
    else:
        await work(url, rest[0])


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], sys.argv[2], sys.argv[3:]))

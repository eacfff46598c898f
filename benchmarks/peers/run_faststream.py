"""FastStream over a Redis stream, with a consumer group whose subscriber takes batches and acknowledges them."""

import asyncio
import json
import logging
import os
import sys

import asyncpg
import uvloop
from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub
from tally import Tally, clock, say

BATCH = 500
STREAM = "bells"
GROUP = "ringers"


async def fill(url: str, count: int, step: int) -> None:
    """Publish `count` messages, `step` in each pipeline."""
    async with RedisBroker(url, logger=None) as broker:
        await broker.connect()
        client = broker._connection  # noqa: SLF001 - its guide gets pipelines from a client of its own, this is the same
        await client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        began = clock()
        for start in range(0, count, step):
            async with client.pipeline(transaction=False) as pipe:
                for n in range(start, min(start + step, count)):
                    await broker.publish({"bell": f"bell {n % 1000}", "number": n}, stream=STREAM, pipeline=pipe)
                await pipe.execute()
        say(json.dumps({"s": clock() - began}))


async def emit(url: str, count: int, gap_s: float) -> None:
    """Publish one message after the other with pauses, and print when each was there."""
    stamps = []
    async with RedisBroker(url, logger=None) as broker:
        await broker.connect()
        for number in range(count):
            await asyncio.sleep(gap_s * (0.5 + (number * 7919 % 1000) / 1000))
            await broker.publish({"bell": f"bell {number % 1000}", "number": number}, stream=STREAM)
            stamps.append((number, clock()))
    say(json.dumps({"stamps": stamps}))


async def work(url: str, case: str) -> None:
    """Handle messages."""
    logging.disable(logging.CRITICAL)
    tally = Tally()
    broker = RedisBroker(url, logger=None)
    pool = await asyncpg.create_pool(os.environ["EFFECTS_URL"], min_size=1) if case == "effect" else None
    subscription = StreamSub(
        STREAM,
        group=GROUP,
        consumer=f"ringer {os.getpid()}",
        batch=True,
        max_records=BATCH,
    )

    @broker.subscriber(stream=subscription)
    async def ring(messages: list[dict]) -> None:
        if pool is not None:
            await pool.execute(
                "INSERT INTO effects (bell, number) SELECT * FROM unnest($1::text[], $2::int[])",
                [message["bell"] for message in messages],
                [message["number"] for message in messages],
            )
        if case == "latency":
            for message in messages:
                tally.stamp(message["number"])
        else:
            tally.handled(len(messages))

    tally.begin()
    await FastStream(broker).run()


def main() -> None:
    """Do as the arguments say."""
    command, url, *rest = sys.argv[1:]
    if command == "fill":
        uvloop.run(fill(url, int(rest[0]), int(rest[1])))
    elif command == "emit":
        uvloop.run(emit(url, int(rest[0]), float(rest[1])))
    else:
        uvloop.run(work(url, rest[0]))


if __name__ == "__main__":
    main()

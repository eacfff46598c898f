"""A process that makes calls under a rate, as a worker does, and writes down when each began.

python -m tests.fakes.caller_process URL TERMS
"""

import asyncio
import random  # noqa: TID251 - a test's own, seeded by the test
import sys

import msgspec

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.rates import Limiter, Permit, Rate, Want

POUNCING = 0.3
"""How often a process waits for a full bucket."""


class Terms(msgspec.Struct):
    """What is tried: a rate, the slack, and for how long."""

    per_s: float
    burst: float
    slack_s: float
    seconds: float
    seed: int


class NotingClock(SystemClock):
    """Knows when it was last read: the limiter reads it right before a call begins."""

    last = 0.0

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        self.last = super().monotonic()
        return self.last


async def call(url: str, terms: Terms) -> list[float]:
    """Call as often as the rate lets us; return when each call began."""
    chance = random.Random(terms.seed)  # noqa: S311
    clock = NotingClock()
    rate = Rate(per_s=terms.per_s, burst=terms.burst)
    database = Database(url, max_size=4)
    await database.start()
    limiter = Limiter(database, "test.calls", [rate], clock, slack_s=terms.slack_s)
    await limiter.start()
    begun: list[float] = []

    async def one(permit: Permit, late_s: float) -> None:
        await clock.sleep(late_s)
        if await limiter.begin([permit]) == [None]:
            begun.append(clock.last)

    want = Want(limiter.buckets(None))
    many = int(terms.burst) + 10
    until = clock.monotonic() + terms.seconds
    async with asyncio.TaskGroup() as calls:

        async def take(count: int, late_s: float) -> None:
            for answer in await limiter.acquire([want] * count):
                if not isinstance(answer, Permit):
                    await clock.sleep(max(0.001, answer.wait_s))
                    return
                calls.create_task(one(answer, late_s))

        while clock.monotonic() < until:
            if chance.random() < POUNCING:
                # The worst there is: a full bucket's calls begin as late as they may, just when there is more to take.
                await clock.sleep(1.2 * terms.burst / terms.per_s)
                await take(many, 0.6 * terms.slack_s)
                await clock.sleep(0.6 * terms.slack_s)
                await take(many, 0.0)
            else:
                await take(chance.choice([1, 3, many]), chance.choice([0.0, chance.random(), 0.9]) * terms.slack_s)
    await limiter.stop()
    await database.stop()
    return begun


def main() -> None:
    """Call, and print when each call began."""
    terms = msgspec.json.decode(sys.argv[2], type=Terms)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(call(sys.argv[1], terms))))


if __name__ == "__main__":
    main()

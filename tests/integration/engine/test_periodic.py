"""Periodic work: one owner at a time, taken over from the dead, and none held up by another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.lanes import Periodic
from comanda.engine.lanes.periodic import PeriodicRunner
from comanda.engine.service import Loop
from tests.fakes.lanes import until


@asynccontextmanager
async def runners(
    database: Database, *works: Periodic, count: int = 1, turn_s: float = 30.0
) -> AsyncIterator[list[Loop]]:
    """Run the works in several runners, as in several workers."""
    loops = [
        Loop(f"runner {n}", PeriodicRunner(database, works, SystemClock(), turn_s=turn_s).run, grace_s=0.2)
        for n in range(count)
    ]
    for loop in loops:
        await loop.start()
    try:
        yield loops
    finally:
        for loop in loops:
            await loop.stop()


class Work:
    """A work that notes each time how many are at it, itself included."""

    def __init__(self, during: Callable[[], Awaitable[object]]) -> None:
        self.times: list[int] = []
        self.running = 0
        self._during = during

    async def run(self) -> None:
        """Do it."""
        self.running += 1
        self.times.append(self.running)
        try:
            await self._during()
        finally:
            self.running -= 1

    async def begun(self, times: int) -> None:
        """Wait until it has been begun so often."""
        await until(lambda: asyncio.sleep(0, len(self.times) >= times))


def every(name: str, work: Work, *, every_s: float = 0.01, most_s: float = 120.0) -> Periodic:
    """Return the work as a periodic."""
    return Periodic(name=name, every_s=every_s, run=work.run, most_s=most_s)


@pytest.mark.slow  # A turn lasts a second, so that a machine that stalls does not lose it.
async def test_of_several_workers_one_does_it_at_a_time(database: Database) -> None:
    """Though the run lasts longer than the turn, which is renewed, and than the time between two."""
    done = asyncio.Event()
    work = Work(done.wait)
    async with runners(database, every("test.long", work), count=3, turn_s=1.0):
        await work.begun(1)
        begun = await database.fetch_value("SELECT busy_until FROM engine.periodic")
        await until(
            lambda: database.fetch_value("SELECT clock_timestamp() > $1::timestamptz + interval '0.5 s'", begun)
        )
        assert work.times == [1]
        done.set()
        await work.begun(3)
    assert set(work.times) == {1}


async def test_a_work_that_takes_long_holds_up_no_other(database: Database) -> None:
    """Within one worker."""
    for_ever, quick = Work(asyncio.Event().wait), Work(lambda: asyncio.sleep(0))
    async with runners(database, every("test.for_ever", for_ever), every("test.quick", quick)):
        await quick.begun(5)
    assert for_ever.times == [1]


async def test_a_run_that_takes_too_long_is_given_up(database: Database) -> None:
    """And is begun again in its turn."""
    work = Work(asyncio.Event().wait)
    async with runners(database, every("test.hung", work, most_s=0.05)):
        await work.begun(3)
    assert set(work.times) == {1}


async def test_a_work_that_fails_runs_again_in_its_turn(database: Database) -> None:
    """Its error is logged and ends nothing."""

    async def fail() -> None:
        raise RuntimeError

    work = Work(fail)
    with capture_logs() as told:
        async with runners(database, every("test.failing", work)):
            await work.begun(3)
    assert [line["work"] for line in told if line["event"] == "periodic work failed"][:2] == ["test.failing"] * 2


async def test_the_turn_of_a_dead_worker_ends(database: Database) -> None:
    """A worker that died in the middle holds its work up until its turn is over, and no longer."""
    died = await database.fetch_value(
        "INSERT INTO engine.periodic (name, busy_until) VALUES ('test.orphan', clock_timestamp() + interval '0.3 s')"
        " RETURNING busy_until"
    )
    moments: list[datetime] = []

    async def look() -> None:
        moments.append(await database.fetch_value("SELECT clock_timestamp()"))

    work = Work(look)
    async with runners(database, every("test.orphan", work)):
        await until(lambda: asyncio.sleep(0, len(moments)))
    assert moments[0] >= died


async def test_who_has_lost_the_turn_gives_up(database: Database) -> None:
    """A worker that was stopped finds another's turn when it wakes up: it gives up, and does not end that turn."""
    work = Work(asyncio.Event().wait)
    async with runners(database, every("test.late", work, every_s=60.0), turn_s=0.1):
        await work.begun(1)
        await database.fetch("UPDATE engine.periodic SET busy_until = '2999-01-01' WHERE name = 'test.late'")
        await until(lambda: asyncio.sleep(0, work.running == 0))
    assert await database.fetch_value("SELECT busy_until > '2998-01-01' FROM engine.periodic WHERE name = 'test.late'")

"""A worker that hangs keeps its connections: only its silence gives it away."""

from collections.abc import AsyncIterator

import pytest

from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog
from comanda.engine.lanes import consumer
from tests.fakes.lanes import EFFECT, Rung, drained, effects, make_effects, ringing, until, worker, working


@consumer("test.hung", [Rung])
async def leave_effect(tx: Transaction, event: Rung) -> None:
    """Leave a row."""
    await tx.execute(EFFECT, event.bell, event.number)


@pytest.fixture
async def log(database: Database) -> AsyncIterator[EventLog]:
    """A log whose waker runs."""
    await make_effects(database)
    async with ringing(database) as log:
        yield log


@pytest.mark.slow  # A lease of one second has to end.
async def test_a_hung_workers_shards_are_taken_over_by_those_that_share_its_lane(
    database: Database, log: EventLog
) -> None:
    """Within its lease, although it is still connected; it gets its share again when it wakes up."""
    async with working(database, leave_effect, lease_s=1.0) as awake:
        hung = worker(database, leave_effect, lease_s=1.0)
        await hung.start()

        async def shared() -> bool:
            return [len(w.leases.held("test.hung")) for w in (awake, hung)] == [8, 8]

        await until(shared)
        # A process that hangs renews nothing and handles nothing; what it is connected to sees no end of it.
        for loop in (*hung._lane_loops, hung.leases._loop):  # noqa: SLF001 - the test plays the kernel
            assert loop._task is not None  # noqa: SLF001
            loop._task.cancel()  # noqa: SLF001

        async def taken_over() -> bool:
            return len(awake.leases.held("test.hung")) == 16

        await until(taken_over)
        async with database.transaction() as tx:
            await log.emit(tx, *(Rung(bell=f"bell {n}", number=n) for n in range(50)))
        await drained(database, leave_effect)
        assert len(await effects(database)) == 50
        await hung.stop()

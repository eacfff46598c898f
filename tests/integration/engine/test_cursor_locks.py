"""Who renews leases and who moves cursors lock the same rows; neither may stand in the other's way for good."""

import asyncio
from typing import ClassVar

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import Event, EventCatalogue, EventLog, Waker
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Consumer, Worker
from comanda.engine.lanes.lane import Lane

EVENTS = 3000
CONSUMERS = 4
PATIENCE_S = 60.0


class Happened(Event, frozen=True, kw_only=True):
    """Something of no meaning."""

    name: ClassVar[str] = "tests.Happened"
    key_field: ClassVar[str] = "number"

    number: int


async def _emit(database: Database, log: EventLog) -> None:
    for start in range(0, EVENTS, 10):
        facts = [Happened(number=number) for number in range(start, start + 10)]
        await database.run(lambda tx, facts=facts: log.emit_all(tx, facts))  # type: ignore[misc]


async def _until(worker: Worker, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while sum(lane.counts.handled for lane in worker.lanes) < count:  # noqa: ASYNC110 - lanes tell nobody how far they are
            await asyncio.sleep(0.02)


async def test_renewing_and_moving_never_deadlock(database: Database) -> None:
    """Cursors of many shards move under constant renewal, and PostgreSQL has no deadlock to break."""

    async def handle(_tx: Transaction, _event: Happened) -> None:
        return

    log = EventLog(Waker(database))
    consumers = [Consumer(name=f"tests.lane_{n}", on=(Happened,), handle=handle, batch=40) for n in range(CONSUMERS)]
    worker = Worker(
        database, EventCatalogue([Happened]), consumers, clock=SystemClock(), ids=RandomIds(), look_s=0.001, poll_s=0.01
    )
    await worker.start()
    try:
        await _emit(database, log)
        await _until(worker, EVENTS * CONSUMERS)
    finally:
        await worker.stop()
    await database.fetch_value("SELECT pg_stat_force_next_flush()")
    deadlocks = await database.fetch_value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0


async def test_a_lane_that_stumbles_goes_on(database: Database) -> None:
    """An error of the lane's own, beside any event's, does not end the lane, which looks again."""
    handled: list[int] = []

    async def handle(_tx: Transaction, event: Happened) -> None:
        handled.append(event.number)

    consumer = Consumer(name="tests.stumbles", on=(Happened,), handle=handle)
    worker = Worker(database, EventCatalogue([Happened]), [consumer], clock=SystemClock(), ids=RandomIds(), poll_s=0.05)
    (lane,) = worker.lanes
    stumbles = _stumble_once(lane)
    await worker.start()
    try:
        await database.run(lambda tx: EventLog(Waker(database)).emit(tx, Happened(number=1)))
        await _until(worker, 1)
    finally:
        await worker.stop()
    assert handled == [1]
    assert stumbles == ["stumbled"]


def _stumble_once(lane: Lane) -> list[str]:
    """Let the lane's next turn fail as a broken statement of its own would; return a list that will say so."""
    told: list[str] = []
    turn = lane._turn  # noqa: SLF001 - the fault is to come from within

    async def stumbling(stopping: asyncio.Event) -> int:
        if not told:
            told.append("stumbled")
            raise RuntimeError("The lane's own statement failed.")
        return await turn(stopping)

    lane._turn = stumbling  # type: ignore[method-assign]  # noqa: SLF001 - as above
    return told

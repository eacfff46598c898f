"""The engine as a contender of `bench_engine.py`: it enqueues, emits with pauses and works, a process for each."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import uvloop
from peers.tally import Tally, clock, say

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import Event, EventCatalogue, EventLog, Waker
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Batch, Consumer, OutsideConsumer, Worker, consumer

SLOW_S = 1.0
"""How long a handler of a slow lane takes."""


class Rung(Event, frozen=True, kw_only=True):
    """A bell was rung."""

    name: ClassVar[str] = "bench.Rung"
    key_field: ClassVar[str] = "bell"

    bell: str
    number: int


class Crept(Event, frozen=True, kw_only=True):
    """Something for the slow lanes happened."""

    name: ClassVar[str] = "bench.Crept"
    key_field: ClassVar[str] = "bell"

    bell: str
    number: int


CATALOGUE = EventCatalogue([Rung, Crept])
EFFECT = "INSERT INTO effects (bell, number) VALUES ($1, $2)"
EFFECTS = "INSERT INTO effects (bell, number) SELECT * FROM unnest($1::text[], $2::int[])"


def rung(number: int) -> Rung:
    """Return an event as every contender has it."""
    return Rung(bell=f"bell {number % 1000}", number=number)


async def fill(database: Database, log: EventLog, count: int, step: int) -> None:
    """Emit `count` events, `step` in each transaction, beside a row of the caller's."""
    began = clock()
    for start in range(0, count, step):
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO orders VALUES ($1)", start)
            await log.emit_all(tx, [rung(number) for number in range(start, min(start + step, count))])
    say(json.dumps({"s": clock() - began}))


async def emit(database: Database, log: EventLog, count: int, gap_s: float) -> None:
    """Emit one event after the other with pauses, and print when each was committed."""
    stamps = []
    for number in range(count):
        await asyncio.sleep(gap_s * (0.5 + (number * 7919 % 1000) / 1000))
        async with database.transaction() as tx:
            await log.emit(tx, rung(number))
        stamps.append((number, clock()))
    say(json.dumps({"stamps": stamps}))


async def creep(database: Database, log: EventLog, count: int) -> None:
    """Emit work for the slow lanes."""
    async with database.transaction() as tx:
        await log.emit_all(tx, [Crept(bell=f"bell {number % 1000}", number=number) for number in range(count)])
    say(json.dumps({"s": 0.0}))


def consumers(case: str, tally: Tally, size: int) -> list[Consumer]:
    """Return the consumers of a case."""

    @consumer("bench.noop", on=[Rung], batch=size)
    async def noop(_tx: Transaction, _event: Rung) -> None:
        tally.handled()

    @consumer("bench.noop", on=[Rung], batch=Batch(size=size))
    async def noop_batched(_tx: Transaction, events: Sequence[Rung]) -> None:
        tally.handled(len(events))

    @consumer("bench.effect", on=[Rung], batch=size)
    async def effect(tx: Transaction, event: Rung) -> None:
        tx.execute_later(EFFECT, event.bell, event.number)
        tally.handled()

    @consumer("bench.effect", on=[Rung], batch=Batch(size=size))
    async def effect_batched(tx: Transaction, events: Sequence[Rung]) -> None:
        await tx.execute(EFFECTS, [event.bell for event in events], [event.number for event in events])
        tally.handled(len(events))

    @consumer("bench.latency", on=[Rung])
    async def latency(_tx: Transaction, event: Rung) -> None:
        tally.stamp(event.number)

    @consumer("bench.slow", on=[Crept], batch=1)
    async def slow(_tx: Transaction, _event: Crept) -> None:
        await asyncio.sleep(SLOW_S)

    async def claim(_tx: Transaction, event: Crept) -> int:
        return event.number

    async def perform(_number: int) -> None:
        await asyncio.sleep(SLOW_S)

    async def conclude(_tx: Transaction, _number: int, _outcome: None) -> None:
        pass

    slow_outside = OutsideConsumer(
        name="bench.slow_outside", on=(Crept,), claim=claim, perform=perform, conclude=conclude
    )
    return {
        "noop": [noop],
        "noop batched": [noop_batched],
        "effect": [effect],
        "effect batched": [effect_batched],
        "latency": [latency],
        "latency beside slow": [latency, slow],
        "latency beside slow outside": [latency, slow_outside],
    }[case]


async def work(database: Database, case: str, size: int) -> None:
    """Handle events."""
    tally = Tally()
    worker = Worker(database, CATALOGUE, consumers(case, tally, size), clock=SystemClock(), ids=RandomIds())
    tally.begin()
    await worker.start()
    await asyncio.Event().wait()


async def run(command: str, url: str, rest: list[Any]) -> None:
    """Do as the arguments say."""
    database = Database(url, name="bench")
    waker = Waker(database)
    await database.start()
    await waker.start()
    log = EventLog(waker)
    if command == "fill":
        await fill(database, log, int(rest[0]), int(rest[1]))
    elif command == "emit":
        await emit(database, log, int(rest[0]), float(rest[1]))
    elif command == "creep":
        await creep(database, log, int(rest[0]))
    else:
        await work(database, rest[0], int(rest[1]))
    await waker.stop()
    await database.stop()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], sys.argv[2], sys.argv[3:]))

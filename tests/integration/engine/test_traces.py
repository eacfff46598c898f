"""The trace of an event, from what emitted it over lanes of every kind to what they emit."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Batch, Consumer, OutsideConsumer, Retries, Worker, consumer
from comanda.engine.service import running
from comanda.engine.tracing import QuietTracer, Tracer, continued, current, keyed
from tests.fakes.lanes import CATALOGUE, Rung, Silenced, drained, ringing, until
from tests.fakes.recording_tracer import RecordingTracer

TRACED = "SELECT key, trace FROM engine.events WHERE name = $1 ORDER BY id"


def trace(number: int) -> str:
    """Return a trace context of its own for each number."""
    return f"00-{number:032x}-{number:016x}-01"


@pytest.fixture
async def log(database: Database) -> AsyncIterator[EventLog]:
    """A log."""
    async with ringing(database) as opened:
        yield opened


async def ring(database: Database, log: EventLog, *bells: str) -> None:
    """Ring bells in traces 1, 2, …, all in one transaction, and a last one in none."""
    traces = {bell: trace(number) for number, bell in enumerate(bells, start=1)}
    rings = [Rung(bell=bell, number=number) for number, bell in enumerate([*bells, "untraced"])]
    with keyed(traces):
        await database.run(lambda tx: log.emit(tx, *rings))


async def traces(database: Database, name: str = Silenced.name) -> dict[str, str | None]:
    """Return the traces of the events of that name, by key."""
    return {row["key"]: row["trace"] for row in await database.fetch(TRACED, name)}


@asynccontextmanager
async def working(database: Database, lane: Consumer, tracer: Tracer) -> AsyncIterator[None]:
    """Run a worker whose spans go to `tracer`."""
    worker = Worker(
        database, CATALOGUE, [lane], clock=SystemClock(), ids=RandomIds(), tracer=tracer, look_s=0.1, poll_s=0.2
    )
    async with running([worker]):
        yield


def lanes(log: EventLog) -> dict[str, Consumer]:
    """Return a lane of each kind, which silences what was rung."""

    @consumer("test.one", [Rung])
    async def one(tx: Transaction, event: Rung) -> None:
        await log.emit(tx, Silenced(bell=event.bell))

    @consumer("test.many", [Rung], batch=Batch(size=50))
    async def many(tx: Transaction, events: list[Rung]) -> None:
        await log.emit(tx, *(Silenced(bell=event.bell) for event in events))

    async def claim(_: Transaction, event: Rung) -> str:
        return event.bell

    async def perform(bell: str) -> str:
        return bell

    async def conclude(tx: Transaction, bell: str, _: Any) -> None:
        await log.emit(tx, Silenced(bell=bell))

    async def conclude_all(tx: Transaction, done: Sequence[tuple[str, Any]]) -> None:
        await log.emit(tx, *(Silenced(bell=bell) for bell, _ in done))

    def outside(name: str, **more: Any) -> Consumer:
        return OutsideConsumer(name=name, on=(Rung,), claim=claim, perform=perform, conclude=conclude, **more)

    return {
        "one": one,
        "many": many,
        "outside": outside("test.outside"),
        "outside_all": outside("test.outside_all", conclude_all=conclude_all),
    }


async def test_an_event_takes_along_the_trace_of_the_work_at_hand(database: Database, log: EventLog) -> None:
    """Its key's own, or what is current; none where there is none."""
    with continued(trace(9)):
        await ring(database, log, "a", "b")
    await database.run(lambda tx: log.emit(tx, Rung(bell="nobody's", number=1)))
    assert await traces(database, Rung.name) == {
        "a": trace(1),
        "b": trace(2),
        "untraced": trace(9),
        "nobody's": None,
    }


async def test_a_timer_keeps_its_trace_until_it_is_logged(database: Database, log: EventLog) -> None:
    """However much later that is."""
    with continued(trace(9)):
        at = SystemClock().now()
        await database.run(lambda tx: log.emit(tx, Rung(bell="later", number=1), at=at))
    async with working(database, lanes(log)["one"], QuietTracer()):
        await until(lambda: database.fetch_value("SELECT count(*) = 1 FROM engine.events WHERE name = 'test.Silenced'"))
    assert await traces(database) == {"later": trace(9)}


@pytest.mark.parametrize("kind", ["one", "many", "outside", "outside_all"])
async def test_what_a_lane_emits_goes_on_in_its_events_trace(database: Database, log: EventLog, kind: str) -> None:
    """Also where nobody records it: the context is passed on as it came."""
    lane = lanes(log)[kind]
    await ring(database, log, "a", "b")
    async with working(database, lane, QuietTracer()):
        await drained(database, lane)
    assert await traces(database) == {"a": trace(1), "b": trace(2), "untraced": None}


@pytest.mark.parametrize("kind", ["one", "outside", "outside_all"])
async def test_each_event_is_a_span_below_what_emitted_it(database: Database, log: EventLog, kind: str) -> None:
    """Claim, call and conclusion are one span; what is emitted is below it."""
    lane, tracer = lanes(log)[kind], RecordingTracer()
    await ring(database, log, "a", "b")
    async with working(database, lane, tracer):
        await drained(database, lane)
    spans = {span.attributes["comanda.key"]: span for span in tracer.named(f"process {lane.name}")}
    assert {key: span.parent for key, span in spans.items()} == {"a": trace(1), "b": trace(2), "untraced": None}
    assert await traces(database) == {key: span.traceparent for key, span in spans.items()}
    assert (
        spans["a"].attributes.items()
        >= {
            "messaging.system": "comanda",
            "messaging.destination.name": "test.Rung",
            "messaging.consumer.group.name": lane.name,
            "comanda.attempt": 1,
        }.items()
    )


async def test_a_batch_is_one_span_with_links(database: Database, log: EventLog) -> None:
    """It is linked to each of its events' traces; what it emits for a key goes on in that key's own."""
    lane, tracer = lanes(log)["many"], RecordingTracer()
    await ring(database, log, "a", "b")
    async with working(database, lane, tracer):
        await drained(database, lane)
    spans = tracer.named("process test.many")
    assert sorted(link for span in spans for link in span.links) == [trace(1), trace(2)]
    assert sum(int(span.attributes["messaging.batch.message_count"]) for span in spans) == 3
    emitted = await traces(database)
    assert {key: emitted[key] for key in "ab"} == {"a": trace(1), "b": trace(2)}
    assert emitted["untraced"] in {span.traceparent for span in spans}


@pytest.mark.parametrize("kind", ["direct", "outside"])
async def test_a_failed_try_is_a_failed_span_and_the_next_is_in_the_same_trace(database: Database, kind: str) -> None:
    """A parked event keeps its trace, however often it is tried."""
    tries: list[str | None] = []
    retries = Retries(first_s=0.01, most_s=0.02)

    async def fail_first() -> None:
        tries.append(current())
        if len(tries) < 3:
            raise ValueError("not yet")

    @consumer("test.failing", [Rung], retries=retries)
    async def direct(_: Transaction, __: Rung) -> None:
        await fail_first()

    async def claim(_: Transaction, event: Rung) -> str:
        return event.bell

    async def perform(_: str) -> None:
        await fail_first()

    async def conclude(_: Transaction, __: str, ___: Any) -> None:
        """Nothing is to be written."""

    outside = OutsideConsumer(
        name="test.failing", on=(Rung,), claim=claim, perform=perform, conclude=conclude, retries=retries
    )
    lane, tracer = direct if kind == "direct" else outside, RecordingTracer()
    async with ringing(database) as log, working(database, lane, tracer):
        with continued(trace(7)):
            await database.run(lambda tx: log.emit(tx, Rung(bell="a", number=1)))
        await drained(database, lane)
    spans = tracer.named("process test.failing")
    assert [span.parent for span in spans] == [trace(7)] * 3
    assert [span.error is not None for span in spans] == [True, True, False]
    assert tries == [span.traceparent for span in spans]

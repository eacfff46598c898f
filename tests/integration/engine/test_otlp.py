"""Recording by OpenTelemetry's SDK, to a receiver that is really there, and to one that is not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from comanda.engine.service import running
from comanda.engine.tracing import Tracer, from_url, spanning, valid
from comanda.processes.ports import listener, port_of
from tests.fakes.otlp_receiver import OtlpReceiver, otlp_receiver

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED, UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-01", f"00-{TRACE}-b7ad6b7169203331-00"


@pytest.fixture
async def receiver() -> AsyncIterator[OtlpReceiver]:
    """A receiver."""
    async with otlp_receiver() as listening:
        yield listening


def _tracer(url: str) -> Tracer:
    return from_url(url, service="comanda test")


async def test_spans_arrive_as_they_were_told(receiver: OtlpReceiver) -> None:
    """Name, parent, links, attributes, and whether it failed; the end of the process sends what is left."""
    async with running([tracer := _tracer(receiver.url)]):
        outer = tracer.begin("outer", kind="server", parent=SAMPLED, attributes={"number": 7})
        inner = tracer.begin("inner", parent=outer.traceparent, links=[SAMPLED])
        inner.rename("inner, renamed")
        inner.note("word", "yes")
        inner.end(ValueError("broken"))
        outer.end()
        with pytest.raises(KeyError), spanning(tracer, "alone"):
            raise KeyError
    spans = {span.name: span for span in receiver.spans}
    assert spans.keys() == {"outer", "inner, renamed", "alone"}
    top, below, alone = spans["outer"], spans["inner, renamed"], spans["alone"]
    assert (top.trace_id, top.parent_id, top.service) == (TRACE, "b7ad6b7169203331", "comanda test")
    assert outer.traceparent == f"00-{TRACE}-{top.span_id}-01"
    assert (top.attributes, top.failed) == ({"number": 7}, False)
    assert (below.trace_id, below.parent_id, below.failed) == (TRACE, top.span_id, True)
    assert (below.links, below.attributes) == (((TRACE, "b7ad6b7169203331"),), {"word": "yes"})
    assert (alone.parent_id, alone.failed, alone.trace_id != TRACE) == ("", True, True)


async def test_who_asks_to_be_recorded_is_and_who_does_not_is_not(receiver: OtlpReceiver) -> None:
    """A share is of the traces that begin here; of others it was decided where they began. The context goes on."""
    async with running([tracer := _tracer(f"{receiver.url}?share=0")]):
        for name, parent in (("asked", SAMPLED), ("not asked", UNSAMPLED), ("new", None)):
            span = tracer.begin(name, parent=parent)
            assert span.traceparent is not None
            assert valid(span.traceparent) == span.traceparent
            assert span.traceparent.endswith("-01" if parent == SAMPLED else "-00")
            span.end()
    assert [span.name for span in receiver.spans] == ["asked"]


@pytest.mark.slow  # The end waits for a receiver for a while.
async def test_a_receiver_that_is_away_holds_up_nothing() -> None:
    """Spans are made all the same, and the end comes after a few seconds at most."""
    with listener("127.0.0.1", 0) as reserved:
        url = f"otlp+http://127.0.0.1:{port_of(reserved)}"
    async with asyncio.timeout(10):
        async with running([tracer := _tracer(url)]):
            for _ in range(10_000):
                tracer.begin("lost").end()

"""Recording with OpenTelemetry's SDK, over OTLP/HTTP. Imported only where traces are on."""

import asyncio
import contextlib
import threading
from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import Tracer as OtelTracer

from comanda.engine.service import wait_until_set
from comanda.engine.tracing.tracer import Kind, Value

KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}

QUEUE = 8192
"""Spans that wait to be sent, at most; beyond that the oldest are dropped. No work ever waits for a receiver."""

SEND_EVERY_MS = 500
SEND_TIMEOUT_S = 5
LAST_WORDS_S = 3.0
"""How long the end of a process waits for a receiver to take what is left."""
GIVING_UP_S = 1.0
"""And how long then for the exporter to give up."""


class OtlpTracer:
    """Sends spans to a receiver.

    Args:
        endpoint: `http://host:4318/v1/traces`; headers (of a service that wants a key) come from
            `OTEL_EXPORTER_OTLP_HEADERS`, as OpenTelemetry has it.
        service: `service.name` of this process.
        share: of the traces that begin here, how many are recorded; those that came to us have been decided on.
    """

    recording = True

    def __init__(self, endpoint: str, *, service: str, share: float = 1.0) -> None:
        self._endpoint = endpoint
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource.create({"service.name": service, "service.namespace": "comanda"}),
            shutdown_on_exit=False,
        )
        self._tracer: OtelTracer = self._provider.get_tracer("comanda")
        self._exporter: OTLPSpanExporter | None = None

    async def start(self) -> None:
        """Begin to send. Not before, for it takes a thread, which a process that forks must not have yet."""
        if self._exporter is None:
            self._exporter = OTLPSpanExporter(endpoint=self._endpoint, timeout=SEND_TIMEOUT_S)
            self._provider.add_span_processor(
                BatchSpanProcessor(self._exporter, max_queue_size=QUEUE, schedule_delay_millis=SEND_EVERY_MS)
            )

    async def stop(self) -> None:
        """Send what is left, if the receiver takes it soon."""
        exporter, self._exporter = self._exporter, None
        if exporter is None:
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # The loop may have been closed meanwhile.
                loop.call_soon_threadsafe(ended.set)

        # A thread of its own, which the end of the process does not wait for as it does for an executor's.
        threading.Thread(target=end, name="last spans", daemon=True).start()
        if not await wait_until_set(ended, LAST_WORDS_S):
            exporter.shutdown()  # type: ignore[no-untyped-call]  # Gives up what it tries again and again.
            await wait_until_set(ended, GIVING_UP_S)

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: str | None = None,
        links: Sequence[str] = (),
        attributes: Mapping[str, Value] | None = None,
    ) -> "OtlpSpan":
        """Begin a span."""
        context = Context() if parent is None else set_span_in_context(NonRecordingSpan(_context(parent)), Context())
        return OtlpSpan(
            self._tracer.start_span(
                name,
                context=context,
                kind=KINDS[kind],
                links=[Link(_context(link)) for link in links],
                attributes=attributes,
            )
        )


class OtlpSpan:
    """One of OpenTelemetry's spans."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        own = span.get_span_context()
        self.traceparent = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags & 1:02x}"

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._span.update_name(name)

    def note(self, name: str, value: Value) -> None:
        """Write an attribute down."""
        self._span.set_attribute(name, value)

    def end(self, error: BaseException | None = None) -> None:
        """Say that it is over, and whether it failed."""
        if error is not None:
            self._span.record_exception(error)
            self._span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        self._span.end()


def _context(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16) & 1))

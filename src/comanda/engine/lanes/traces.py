"""One lane's spans: an event's handling goes on in the trace in which it was emitted."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from comanda.engine.lanes.errand import Errand
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.tracing import Span, Tracer, Value, continued, keyed
from comanda.engine.tracing.context import handling, put_to_work

MOST_LINKS = 128
"""Links of a batch's span, at most: OpenTelemetry drops what is beyond."""


class LaneTraces:
    """Puts a lane's work into spans, and into the traces of its events."""

    def __init__(self, tracer: Tracer, lane: str) -> None:
        self._tracer = tracer
        self._lane = lane
        self._name = f"process {lane}"

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[Callable[[LoggedEvent], None]]:
        """Lend a function that is to be told of each event as its turn comes; until the next, the event is at work.

        Cheap where nothing is recorded, for it stands in the loop of the lanes that call a handler for each event.
        """
        turn = _RecordedTurn(self._lane, self._begin) if self._tracer.recording else _Turn(self._lane)
        with handling(self._lane, None, None):
            try:
                yield turn.begin
            except BaseException as error:
                turn.end(error)
                raise
            turn.end(None)

    @contextlib.contextmanager
    def many(self, events: Sequence[LoggedEvent]) -> Iterator[None]:
        """Handle a batch: one span, linked to each event's; what is emitted for a key goes on in that key's trace."""
        traces = {event.key: event.trace for event in events if event.trace is not None}
        if not traces and not self._tracer.recording:
            yield
            return
        span = self._tracer.begin(
            self._name,
            kind="consumer",
            links=list(dict.fromkeys(traces.values()))[:MOST_LINKS],
            attributes={**self._attributes(), "messaging.batch.message_count": len(events)},
        )
        try:
            with continued(span.traceparent), keyed(traces):
                yield
        except BaseException as error:
            span.end(error)
            raise
        span.end()

    def begin(self, errands: Sequence[Errand]) -> None:
        """Begin each errand's span: its claim, its call and its conclusion."""
        for errand in errands:
            errand.span = self._begin(errand.event, errand.attempts)

    def end(self, errands: Sequence[Errand]) -> None:
        """End the spans of the errands that are not still under way."""
        for errand in errands:
            if not errand.late and errand.span is not None:
                errand.span.end(errand.error)
                errand.span = None

    def call(self, errand: Errand) -> AbstractContextManager[None]:
        """Return what an errand's call is made in."""
        return handling(self._lane, errand.event, _trace_of(errand))

    def together(self, errands: Sequence[Errand]) -> AbstractContextManager[None]:
        """Return what errands are claimed or concluded in: what is emitted for a key belongs to its errand."""
        if len(errands) == 1:
            return self.call(errands[0])
        return keyed({errand.event.key: _trace_of(errand) for errand in errands})

    def _begin(self, event: LoggedEvent, attempts: int = 0) -> Span:
        attributes: dict[str, Value] = {}
        if self._tracer.recording:
            attributes = {
                **self._attributes(),
                "messaging.destination.name": event.name,
                "messaging.message.id": str(event.id),
                "comanda.key": event.key,
                "comanda.attempt": attempts + 1,
            }
        return self._tracer.begin(self._name, kind="consumer", parent=event.trace, attributes=attributes)

    def _attributes(self) -> dict[str, Value]:
        """Return what is the same for all: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/."""
        return {
            "messaging.system": "comanda",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": self._lane,
        }


class _Turn:
    """Whose turn it is, where nothing is recorded."""

    __slots__ = ("_lane",)

    def __init__(self, lane: str) -> None:
        self._lane = lane

    def begin(self, event: LoggedEvent) -> None:
        """Go on in the event's trace."""
        put_to_work(self._lane, event, event.trace)

    def end(self, error: BaseException | None) -> None:
        """Do nothing."""


class _RecordedTurn:
    """Whose turn it is, and its span."""

    __slots__ = ("_begin", "_lane", "_span")

    def __init__(self, lane: str, begin: Callable[[LoggedEvent], Span]) -> None:
        self._lane = lane
        self._begin = begin
        self._span: Span | None = None

    def begin(self, event: LoggedEvent) -> None:
        """End the span of the event before, begin this one's, and go on in it."""
        self.end(None)
        self._span = self._begin(event)
        put_to_work(self._lane, event, self._span.traceparent)

    def end(self, error: BaseException | None) -> None:
        """End the span there is."""
        span, self._span = self._span, None
        if span is not None:
            span.end(error)


def _trace_of(errand: Errand) -> str | None:
    return errand.span.traceparent if errand.span is not None else errand.event.trace

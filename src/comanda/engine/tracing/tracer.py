"""The port of whatever records traces: spans with a name, a parent, links and attributes."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from comanda.engine.service import Service
from comanda.engine.tracing.context import continued, current

Kind = Literal["internal", "server", "client", "producer", "consumer"]
"""What a span is of, in OpenTelemetry's words."""

Value = str | int | float | bool


class Span(Protocol):
    """A piece of work, from `Tracer.begin` to `end`."""

    @property
    def traceparent(self) -> str | None:
        """What others go on from; None where nobody needs to."""
        ...

    def rename(self, name: str) -> None:
        """Give it the name that was not known at its beginning."""
        ...

    def note(self, name: str, value: Value) -> None:
        """Write an attribute down."""
        ...

    def end(self, error: BaseException | None = None) -> None:
        """Say that it is over, and whether it failed."""
        ...


class Tracer(Service, Protocol):
    """Records spans, or passes their context on alone."""

    @property
    def recording(self) -> bool:
        """Whether spans go anywhere: where they do not, nobody needs to gather attributes."""
        ...

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: str | None = None,
        links: Sequence[str] = (),
        attributes: Mapping[str, Value] | None = None,
    ) -> Span:
        """Begin a span in the trace of `parent` (a `traceparent`), or in a new one. It does not become the current."""
        ...


@contextlib.contextmanager
def spanning(
    tracer: Tracer, name: str, *, kind: Kind = "internal", attributes: Mapping[str, Value] | None = None
) -> Iterator[Span]:
    """Put a block into a span within the current trace; an exception that leaves it is its error."""
    span = tracer.begin(name, kind=kind, parent=current(), attributes=attributes)
    try:
        with continued(span.traceparent):
            yield span
    except BaseException as error:
        span.end(error)
        raise
    span.end()

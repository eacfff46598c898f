"""A tracer that keeps its spans in a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from comanda.engine.tracing import Kind, Value


@dataclass
class RecordedSpan:
    """A span, and what was said of it."""

    name: str
    kind: Kind
    parent: str | None
    traceparent: str
    links: tuple[str, ...]
    attributes: dict[str, Value]
    error: BaseException | None = None
    ended: bool = False

    def rename(self, name: str) -> None:
        """Give it another name."""
        self.name = name

    def note(self, name: str, value: Value) -> None:
        """Keep an attribute."""
        self.attributes[name] = value

    def end(self, error: BaseException | None = None) -> None:
        """End it, once."""
        assert not self.ended, self
        self.ended, self.error = True, error


@dataclass
class RecordingTracer:
    """Gives spans rising numbers as ids: the first has the trace id 1 where it has no parent, and the span id 1."""

    spans: list[RecordedSpan] = field(default_factory=list)
    recording: bool = True

    async def start(self) -> None:
        """Nothing runs here."""

    async def stop(self) -> None:
        """Nothing runs here."""

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        parent: str | None = None,
        links: Sequence[str] = (),
        attributes: Mapping[str, Value] | None = None,
    ) -> RecordedSpan:
        """Begin a span."""
        number = len(self.spans) + 1
        trace = parent[3:35] if parent is not None else f"{number:032x}"
        span = RecordedSpan(name, kind, parent, f"00-{trace}-{number:016x}-01", tuple(links), dict(attributes or {}))
        self.spans.append(span)
        return span

    def named(self, name: str) -> list[RecordedSpan]:
        """Return the spans of that name; all must have ended."""
        found = [span for span in self.spans if span.name == name]
        assert all(span.ended for span in found), found
        return found

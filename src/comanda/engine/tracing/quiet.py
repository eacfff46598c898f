"""No recording: the context travels along all the same, so that logs of all processes can be put together by it."""

from collections.abc import Mapping, Sequence

from comanda.engine.tracing.tracer import Kind, Value


class QuietSpan:
    """A span that nobody sees: who goes on from it goes on from its parent."""

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def rename(self, name: str) -> None:
        """Do nothing."""

    def note(self, name: str, value: Value) -> None:
        """Do nothing."""

    def end(self, error: BaseException | None = None) -> None:
        """Do nothing."""


class QuietTracer:
    """Passes the context on, and records nothing."""

    recording = False

    async def start(self) -> None:
        """Nothing runs here."""

    async def stop(self) -> None:
        """Nothing runs here."""

    def begin(
        self,
        name: str,  # noqa: ARG002 - the port's
        *,
        kind: Kind = "internal",  # noqa: ARG002 - the port's
        parent: str | None = None,
        links: Sequence[str] = (),
        attributes: Mapping[str, Value] | None = None,  # noqa: ARG002 - the port's
    ) -> QuietSpan:
        """Return a span that passes on its parent, or the one trace that all its links are in."""
        if parent is None and links and all(link == links[0] for link in links):
            parent = links[0]
        return QuietSpan(parent)

"""The W3C trace context of the work at hand: https://www.w3.org/TR/trace-context/.

It is a text, the `traceparent`, kept in a context variable: an event takes it along when it is emitted (`trace_of`),
a lane goes on in it. Where one piece of work is about many keys at once (a batch, a group of requests), each key has
its own, so that an event that is emitted for a key belongs to that key's trace.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Protocol
from uuid import UUID

LENGTH = 55
"""Characters of a `traceparent` of version 00: `00-<trace, 32>-<span, 16>-<flags, 2>`."""

_SHAPE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_current: ContextVar[str | None] = ContextVar("comanda_trace", default=None)
_by_key: ContextVar[Mapping[str, str] | None] = ContextVar("comanda_traces_by_key", default=None)


class Handled(Protocol):
    """An event in somebody's hands."""

    @property
    def id(self) -> int:
        """Its id in the log."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def key(self) -> str:
        """Its key."""
        ...


_handled: ContextVar[tuple[str, Handled] | None] = ContextVar("comanda_event", default=None)


def current() -> str | None:
    """Return the `traceparent` of the work at hand, or None."""
    return _current.get()


def trace_of(key: str) -> str | None:
    """Return the `traceparent` that an event of this key takes along, or None."""
    by_key = _by_key.get()
    return _current.get() if by_key is None else by_key.get(key) or _current.get()


def handled() -> tuple[str, Handled] | None:
    """Return the lane and the event that are at work here, or None; for logs."""
    return _handled.get()


def valid(header: str) -> str | None:
    """Return a header's `traceparent` as we pass it on, or None where it is none.

    Of a later version of the standard we pass on what version 00 has: the first four parts, and the flag `sampled`.
    """
    if _SHAPE.match(header) is None or (len(header) != LENGTH and (header[:2] == "00" or header[LENGTH] != "-")):
        return None
    return f"00{header[2 : LENGTH - 2]}{int(header[LENGTH - 2 : LENGTH], 16) & 1:02x}"


def begun(new: UUID) -> str:
    """Return the `traceparent` of a trace that begins here and that nobody records, out of a new id."""
    return f"00-{new.hex}-{new.hex[16:]}-00"


def trace_id_of(traceparent: str) -> str:
    """Return the trace's id: 32 hexadecimal digits."""
    return traceparent[3:35]


def enter(traceparent: str | None) -> None:
    """Go on in a trace until the end of this task."""
    _current.set(traceparent)


def put_to_work(lane: str, event: Handled, traceparent: str | None) -> None:
    """Say within a block of `handling` that another event is at work now."""
    _handled.set((lane, event))
    _current.set(traceparent)


class continued:  # noqa: N801 - used as a function
    """Go on in a trace for a block. With None nothing that was there before goes on."""

    __slots__ = ("_by_key_token", "_token", "_traceparent")

    def __init__(self, traceparent: str | None) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> None:
        self._token = _current.set(self._traceparent)
        self._by_key_token: Token[Mapping[str, str] | None] = _by_key.set(None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _by_key.reset(self._by_key_token)
        _current.reset(self._token)


class handling:  # noqa: N801 - used as a function
    """Say for a block which event is at work in which lane, and go on in a trace."""

    __slots__ = ("_handled", "_handled_token", "_token", "_traceparent")

    def __init__(self, lane: str, event: Handled | None, traceparent: str | None) -> None:
        self._handled = (lane, event) if event is not None else None
        self._traceparent = traceparent

    def __enter__(self) -> None:
        self._handled_token: Token[tuple[str, Handled] | None] = _handled.set(self._handled)
        self._token = _current.set(self._traceparent)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        _handled.reset(self._handled_token)


@contextlib.contextmanager
def keyed(traces: Mapping[str, str | None]) -> Iterator[None]:
    """Give each key its own trace for a block. Keys without one, and all others, go on in the current trace."""
    token = _by_key.set({key: trace for key, trace in traces.items() if trace is not None} or None)
    try:
        yield
    finally:
        _by_key.reset(token)

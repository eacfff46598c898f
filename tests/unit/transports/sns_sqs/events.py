"""Events for trying the transport without a log."""

from datetime import UTC, datetime, timedelta

from comanda.engine.events import shard_of
from comanda.engine.lanes.source import LoggedEvent


def rung(number: int, key: str = "bell", *, payload: str = "{}", name: str = "test.Rung") -> LoggedEvent:
    """Return an event; its number is its place in the log."""
    at = datetime(2025, 6, 2, tzinfo=UTC) + timedelta(microseconds=number)
    return LoggedEvent(shard_of(key), number, number, at, 1, name, key, payload)

"""Events as they stand in the log."""

from datetime import UTC, datetime

from comanda.engine.lanes import LoggedEvent


def logged_event(number: int, name: str, key: str, trace: str | None) -> LoggedEvent:
    """Return an event whose payload does not matter."""
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    return LoggedEvent(0, number, number, at, 1, name, key, "{}", trace)

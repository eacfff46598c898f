"""What a drill reads out of the log of the processes it hurts."""

from pathlib import Path

from comanda.drill.crashes import crashes_in

ERROR = '"exception": [{"exc_type": "E", "exc_value": "x"}]'

LINES = (
    '{"reason": "The database does not answer", "event": "lane waits for the database", "process": "worker-1"}',
    f'{{"service": "waker", "event": "service crashed", "process": "worker-1", {ERROR}}}',
    f'{{"service": "waker", "event": "service crashed", "process": "worker-3", {ERROR}}}',
    "comanda: The database does not answer:",
    # Two processes write into one file, and a line's end may come late.
    '{"path": "/api/v1/orders", "event": "request failed", "process": "web-2"}{"event": "ready", "process": "web-1"}',
)


def test_what_nobody_has_foreseen_is_told_and_counted_and_what_is_foreseen_is_not(tmp_path: Path) -> None:
    """A database that is away is part of a drill; a service that crashed over it does its work no more."""
    log = tmp_path / "log"
    log.write_text("\n".join(LINES))
    assert crashes_in(log) == [
        "worker: service crashed: waker: E x (2 times)",
        "web: request failed: /api/v1/orders",
    ]

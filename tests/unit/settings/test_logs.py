"""What stands in a log record, and what a process loads that records no traces."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, sys
import structlog
import comanda.app
from comanda.engine.lanes.traces import LaneTraces
from comanda.engine.tracing import QuietTracer, continued
from comanda.logs import configure_logs
from tests.fakes.logged import logged_event

configure_logs("json", "test")
log = structlog.get_logger("test")
trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

log.warning("alone")
with continued(trace):
    log.warning("in a trace")
    logging.getLogger("library").warning("of a library")
with LaneTraces(QuietTracer(), "kitchen.tickets").in_turn() as turn:
    turn(logged_event(7, "ordering.OrderPaid", "the-order", trace))
    log.warning("about an order")
    turn(logged_event(8, "catalog.MenuPublished", "the-restaurant", None))
    log.warning("about a restaurant", lane="another")
log.warning("about a failed event", event_name="ordering.OrderPaid", key="its-order")
log.warning("loaded", telemetry=[name for name in sys.modules if name.startswith("opentelemetry")])
"""

TRACE = {"trace_id": "0af7651916cd43dd8448eb211c80319c"}


def _records() -> dict[str, dict[str, Any]]:
    run = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    records = [json.loads(line) for line in run.stderr.splitlines()]
    return {record.pop("event"): record for record in records}


@pytest.mark.slow  # A process of its own that loads the whole house.
def test_each_record_says_which_trace_order_and_event_it_is_about() -> None:
    """Whoever writes it need not know; and without a setting nothing of OpenTelemetry is loaded."""
    records = _records()
    always = {"level", "timestamp", "process"}
    told = {event: {k: v for k, v in record.items() if k not in always} for event, record in records.items()}
    assert told == {
        "alone": {},
        "in a trace": TRACE,
        "of a library": TRACE,
        "about an order": {**TRACE, "lane": "kitchen.tickets", "event_id": 7, "order": "the-order"},
        "about a restaurant": {"lane": "another", "event_id": 8, "restaurant": "the-restaurant"},
        "about a failed event": {
            "event_name": "ordering.OrderPaid",
            "key": "its-order",
            "order": "its-order",
        },
        "loaded": {"telemetry": []},
    }

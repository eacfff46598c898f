"""How a process writes its log: to standard error, as text for people or as JSON for machines, one line per record."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor

from comanda.contracts.events import EVENTS
from comanda.engine.tracing import current, trace_id_of
from comanda.engine.tracing.context import handled


def configure_logs(form: str, process: str, *, output: TextIO | None = None) -> None:
    """Send what structlog and the standard library log to `output`, each line with the name of this process.

    `form` is `text` or `json`; no `output` is standard error.
    """
    output = output or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
        _traced({kind.name: kind.key_field.removesuffix("_id") for kind in EVENTS}),
    ]
    end: list[Processor]
    if form == "json":
        # Without local variables: they hold guests' data and secrets, and cost a second to write.
        plain_dicts = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        end = [structlog.processors.ExceptionRenderer(plain_dicts), structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        end = [structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, *end],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _named(process: str) -> Callable[[Any, str, EventDict], EventDict]:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    return add


def _traced(subjects: Mapping[str, str]) -> Callable[[Any, str, EventDict], EventDict]:
    """Add which trace, lane and event a record is about, and whose: `order=…` where the event's key is an order's id.

    `subjects` says by the event's name what its key names. What the record itself says stands.
    """

    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        trace = current()
        if trace is not None:
            event.setdefault("trace_id", trace_id_of(trace))
        at_work = handled()
        if at_work is not None:
            lane, one = at_work
            event.setdefault("lane", lane)
            event.setdefault("event_id", one.id)
            event.setdefault(subjects.get(one.name, "key"), one.key)
        elif "event_name" in event and "key" in event:
            event.setdefault(subjects.get(event["event_name"], "key"), event["key"])
        return event

    return add

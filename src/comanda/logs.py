"""How a process writes its log: to standard error, as text for people or as JSON for machines, one line per record."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog
from structlog.types import EventDict, Processor


def configure_logs(form: str, process: str) -> None:
    """Send what structlog and the standard library log to standard error, each line with the name of this process.

    `form` is `text` or `json`.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
    ]
    end: list[Processor]
    if form == "json":
        # Without local variables: they hold guests' data and secrets, and cost a second to write.
        plain_dicts = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        end = [structlog.processors.ExceptionRenderer(plain_dicts), structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        end = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, *end],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
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

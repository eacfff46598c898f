"""Lanes: how events reach their consumers, each once."""

from comanda.engine.lanes.backlog import Backlog, backlogs
from comanda.engine.lanes.consumer import Batch, Consumer, OutsideConsumer, Periodic, Retries, consumer
from comanda.engine.lanes.source import LoggedEvent, Source, Sources
from comanda.engine.lanes.worker import Worker, chosen

__all__ = [
    "Backlog",
    "Batch",
    "Consumer",
    "LoggedEvent",
    "OutsideConsumer",
    "Periodic",
    "Retries",
    "Source",
    "Sources",
    "Worker",
    "backlogs",
    "chosen",
    "consumer",
]

"""Lanes: how events reach their consumers, each once."""

from comanda.engine.lanes.backlog import Backlog, backlogs
from comanda.engine.lanes.consumer import Consumer, OutsideConsumer, Periodic, Retries, consumer
from comanda.engine.lanes.worker import Worker, chosen

__all__ = ["Backlog", "Consumer", "OutsideConsumer", "Periodic", "Retries", "Worker", "backlogs", "chosen", "consumer"]

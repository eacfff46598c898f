"""Lanes: how events reach their consumers, each once."""

from comanda.engine.lanes.consumer import Consumer, OutsideConsumer, Periodic, Retries, consumer

__all__ = ["Consumer", "OutsideConsumer", "Periodic", "Retries", "consumer"]

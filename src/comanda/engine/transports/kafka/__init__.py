"""Kafka: events by `kafka://`. Loaded only where the events URL asks for it."""

from comanda.engine.transports.kafka.kafka_transport import KafkaTransport, build

__all__ = ["KafkaTransport", "build"]

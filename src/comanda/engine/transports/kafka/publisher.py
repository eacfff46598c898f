"""The publisher: an idempotent producer that leaves no gap.

An event that Kafka has stored while one before it was not would look to every reader as if it were the next, and the
missing one, when it came, as if it were a repetition. So messages do not expire one by one: when a batch is not stored
in time, all of it that has not gone out is taken back, and the producer is thrown away with it. Within one producer the
brokers take a partition's messages in their order or not at all (KIP-98).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from comanda.engine.errors import Unavailable
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka.message import headers_of
from comanda.engine.transports.kafka.topic import MOST_BYTES, told

log = structlog.get_logger(__name__)

STORED_S = 20.0
"""How long a batch may take to be stored."""

SLICE_S = 0.25
"""How soon a wait for the brokers notices that the publisher is to end."""


class Publisher:
    """Publishes batches, one after the other. Its methods wait, and belong into a thread.

    Args:
        settings: librdkafka's, of every client.
        stored_s: how long a batch may take to be stored.

    Attributes:
        ending: set by others so that `publish` waits no longer.
    """

    def __init__(self, settings: Mapping[str, Any], topic: str, *, stored_s: float = STORED_S) -> None:
        self._settings = {
            **settings,
            "enable.idempotence": True,
            # Also an error that concerns one message alone must not let the next one through.
            "enable.gapless.guarantee": True,
            "message.timeout.ms": 0,
            "message.max.bytes": MOST_BYTES,
            "linger.ms": 5,
            "compression.type": "zstd",
        }
        self._topic = topic
        self._stored_s = stored_s
        self._producer: Producer | None = None
        self._open = 0
        self.ending = False
        self._error: KafkaError | None = None

    def publish(self, events: Sequence[LoggedEvent]) -> None:
        """Return once the brokers have stored all; raise `Unavailable` when they may not have."""
        try:
            missing = self._publish(events)
        except (KafkaException, BufferError, SystemError) as error:
            # The client's wrapper raises a fatal error among its callbacks, which Python then reports as its own.
            self.close()
            reason = error.__cause__ or error
            said = told(reason) if isinstance(reason, KafkaException) else str(reason)
            raise Unavailable(f"Kafka does not take events: {said}") from error
        except BaseException:
            self.close()
            raise
        if missing is not None:
            self.close()
            raise Unavailable(f"Kafka has not stored all events: {missing}.")

    def _publish(self, events: Sequence[LoggedEvent]) -> str | None:
        """Return why some of `events` may not be stored, or None."""
        producer = self._producer = self._producer or Producer(self._settings)
        self._open, self._error = len(events), None
        for event in events:
            producer.produce(
                self._topic,
                value=event.payload.encode(),
                key=event.key.encode(),
                partition=event.shard,
                headers=headers_of(event),
                on_delivery=self._delivered,
            )
            producer.poll(0)
        for _ in range(round(self._stored_s / SLICE_S)):
            if not producer.flush(SLICE_S) or self.ending:
                break
        return self._missing()

    def close(self) -> None:
        """Take back what has not gone out, and end the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(1.0)

    def _missing(self) -> str | None:
        if self._error is not None:
            return self._error.str()
        return "no answer in time" if self._open else None

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        self._open -= 1
        if error is not None and self._error is None:
            self._error = error

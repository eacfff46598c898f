"""What librdkafka tells of its troubles, each kind once in a while: it tries lost brokers many times a second."""

import structlog
from confluent_kafka import KafkaError

from comanda.engine.clock import Clock

log = structlog.get_logger(__name__)

AGAIN_S = 30.0
"""How long a kind of trouble that was told is not told again."""


class Troubles:
    """The troubles of one client, as its `error_cb`. What it cannot get over, it says elsewhere too."""

    def __init__(self, client: str, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._told_at: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Write a warning, unless one of this kind has just been written."""
        now = self._clock.monotonic()
        if now - self._told_at.get(error.code(), -AGAIN_S) >= AGAIN_S:
            self._told_at[error.code()] = now
            log.warning("trouble with Kafka", client=self._client, kind=error.name(), told=error.str())

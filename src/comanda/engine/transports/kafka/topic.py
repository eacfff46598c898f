"""The topic: as many partitions as the log has shards, for each shard is carried by the partition of its number."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from comanda.engine.errors import SettingError, Unavailable
from comanda.engine.events.log import SHARDS

MOST_BYTES = 8 * 1024 * 1024
"""Bytes of one event; Kafka's own limit of 1 MiB would hold a shard up for good."""

ANSWER_S = 0.25
ANSWERS = 20
"""How long a question waits before it looks whether anyone still wants to know, and how often it is put."""

MAKE_S = 10.0
"""How long the making of a topic may take."""


class Topic:
    """Sees to it, once, that the topic is there.

    Args:
        settings: librdkafka's, of every client.
        replicas: of the partitions, when we make it; -1 leaves that to the brokers.
    """

    def __init__(self, settings: Mapping[str, Any], name: str, *, replicas: int) -> None:
        self._settings = dict(settings)
        self._name = name
        self._replicas = replicas
        self._turn = asyncio.Lock()
        self._there = False

    async def ready(self, given_up: Callable[[], bool]) -> None:
        """Return once the topic is there; make it where there is none.

        Raises `Unavailable` when the brokers do not answer, or `given_up` says that nobody waits any more, and
        `SettingError` when the topic is of another shape.
        """
        if self._there:
            return
        async with self._turn:
            if not self._there:
                await asyncio.to_thread(self._ensure, given_up)
                self._there = True

    def _ensure(self, given_up: Callable[[], bool]) -> None:
        admin = AdminClient(self._settings)
        try:
            partitions = self._partitions(admin, given_up)
            if partitions == 0:
                self._make(admin)
            elif partitions != SHARDS:
                raise SettingError(
                    f"The topic {self._name} has {partitions} partitions, and events need {SHARDS}: name another topic "
                    "in COMANDA_EVENTS_URL, which is then made."
                )
        except KafkaException as error:
            raise Unavailable(f"Kafka does not answer: {told(error)}") from error

    def _partitions(self, admin: AdminClient, given_up: Callable[[], bool]) -> int:
        for _ in range(ANSWERS - 1):
            if given_up():
                break
            with contextlib.suppress(KafkaException):
                return len(admin.list_topics(self._name, ANSWER_S).topics[self._name].partitions)
        return len(admin.list_topics(self._name, ANSWER_S).topics[self._name].partitions)

    def _make(self, admin: AdminClient) -> None:
        config = {"max.message.bytes": str(MOST_BYTES)}
        wanted = NewTopic(self._name, num_partitions=SHARDS, replication_factor=self._replicas, config=config)
        try:
            admin.create_topics([wanted], operation_timeout=MAKE_S, request_timeout=MAKE_S)[self._name].result(MAKE_S)
        except KafkaException as error:
            if reason_of(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def told(error: KafkaException) -> str:
    """Return what an error of librdkafka says."""
    return str(reason_of(error).str())


def reason_of(error: KafkaException) -> KafkaError:
    """Return the error in an exception of librdkafka."""
    reason: KafkaError = error.args[0]
    return reason

"""Kafka as a transport: one topic for the log, the partition of each event its shard's."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka.kafka_source import KafkaSource
from comanda.engine.transports.kafka.kafka_url import KafkaAddress
from comanda.engine.transports.kafka.member import Member
from comanda.engine.transports.kafka.progress import Progress
from comanda.engine.transports.kafka.publisher import Publisher
from comanda.engine.transports.kafka.topic import Topic
from comanda.engine.transports.kafka.troubles import Troubles

MOST_HEARTBEAT_MS = 3000

FETCHED_AHEAD = {
    "queued.min.messages": 1000,
    "queued.max.messages.kbytes": 4096,
    "fetch.message.max.bytes": 262144,
}
"""What a client holds beside our windows; librdkafka's own limits are 100,000 messages and 64 MiB for each lane."""


class KafkaTransport:
    """Publishes to a topic of Kafka and reads it, a group of its own for each consumer."""

    def __init__(self, address: KafkaAddress, *, database: Database, clock: Clock, data_dir: Path) -> None:
        self._address = address
        self._database = database
        self._clock = clock
        self._member = Member(data_dir)
        self._topic = Topic(address.client(), address.topic, replicas=address.replicas)
        publisher = {**address.client(), "error_cb": Troubles("publisher", clock)}
        self._publisher = Publisher(publisher, address.topic)
        self._executor: ThreadPoolExecutor | None = None

    @property
    def carrier(self) -> str:
        """The topic's name, behind Kafka's."""
        return self._address.carrier

    async def start(self) -> None:
        """Take this process's name among its machine's. Kafka itself may be away; who needs it waits for it."""
        self._member.acquire()

    async def stop(self) -> None:
        """End the publisher; what was not stored is published again by whoever has the relay next."""
        self._publisher.ending = True
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.get_running_loop().run_in_executor(executor, self._publisher.close)
            executor.shutdown()
        self._member.release()

    async def publish(self, events: Sequence[LoggedEvent]) -> None:
        """Publish `events`; return once the brokers have stored all, and raise `Unavailable` when they may not have."""
        await self._topic.ready(lambda: self._publisher.ending)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="kafka publisher")
        await asyncio.get_running_loop().run_in_executor(self._executor, self._publisher.publish, events)

    def source(self, consumer: Consumer, wake: Callable[[], None]) -> KafkaSource:
        """Return what brings `consumer` its events, as a member of its group."""
        return KafkaSource(
            consumer.names,
            Progress(
                self._database,
                consumer.name,
                self._address.carrier,
                owner=self._member.owner,
                lease_s=self._address.lease_s,
            ),
            settings=lambda: self._group(consumer),
            topic=self._address.topic,
            ready=self._topic.ready,
            wake=wake,
            clock=self._clock,
        )

    def _group(self, consumer: Consumer) -> dict[str, Any]:
        session_ms = round(self._address.session_s * 1000)
        return {
            **self._address.client(),
            **FETCHED_AHEAD,
            "error_cb": Troubles(consumer.name, self._clock),
            "group.id": f"{self._address.topic}.{consumer.name}",
            "group.instance.id": self._member.name,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": min(MOST_HEARTBEAT_MS, session_ms // 4),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # Where to read on is what the cursor table says; what is not there any more must not be skipped in silence.
            "auto.offset.reset": "error",
        }


def build(
    url: str, *, database: Database, consumers: Sequence[Consumer], clock: Clock, ids: Ids, data_dir: Path
) -> KafkaTransport:
    """Return the transport that a URL names; raise `SettingError` with what to write."""
    del consumers, ids
    return KafkaTransport(KafkaAddress.parse(url), database=database, clock=clock, data_dir=data_dir)

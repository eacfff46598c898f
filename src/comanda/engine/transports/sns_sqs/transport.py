"""The transport `sns+sqs://`: a topic in SNS, and a queue in SQS for each consumer."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.sns_sqs import topic
from comanda.engine.transports.sns_sqs.address import Address
from comanda.engine.transports.sns_sqs.clients import FAILURES, Clients, connect, is_missing, unavailable
from comanda.engine.transports.sns_sqs.envelope import Message
from comanda.engine.transports.sns_sqs.inbox import Inbox
from comanda.engine.transports.sns_sqs.publishing import publish
from comanda.engine.transports.sns_sqs.queue import Queue
from comanda.engine.transports.sns_sqs.sqs_source import SqsSource
from comanda.engine.transports.sns_sqs.threads import Threads
from comanda.engine.transports.sns_sqs.topology import Topology, ensure
from comanda.engine.transports.sns_sqs.watermark import Watermark

log = structlog.get_logger(__name__)

PUBLISHERS = 8
"""Calls that publish side by side."""


def build(
    url: str, *, database: Database, consumers: Sequence[Consumer], clock: Clock, ids: Ids, data_dir: Path
) -> "SnsSqsTransport":
    """Return the transport that a URL names; raise `SettingError`. See `transports.from_url`."""
    del data_dir
    return SnsSqsTransport(Address.parse(url), consumers, database=database, clock=clock, ids=ids)


class SnsSqsTransport:
    """Publishes to the topic, and makes the sources of consumers.

    Promises: an event that was published is brought to every one of `consumers`, also to those that other processes
    run: their queues are there before the first event goes out.

    Args:
        consumers: all of the house, whoever runs them.
        database: where the consumers' inboxes and cursors are.
    """

    def __init__(
        self, address: Address, consumers: Sequence[Consumer], *, database: Database, clock: Clock, ids: Ids
    ) -> None:
        self._address = address
        self._database = database
        self._consumers = {consumer.name: consumer for consumer in consumers}
        self._clock = clock
        self._ids = ids
        self._publishers = Threads("sns publish", PUBLISHERS)
        self._makers = Threads("sns+sqs topology", 1)
        self._turn = asyncio.Lock()
        self._clients: Clients | None = None
        self._topology: Topology | None = None

    @property
    def carrier(self) -> str:
        """The topic's name, behind SNS'."""
        return f"sns_sqs.{self._address.topic_name}"

    async def start(self) -> None:
        """Do nothing: topic and queues are looked for when they are needed, so that AWS may be away at a start."""

    async def stop(self) -> None:
        """Forget what was found; calls under way end by themselves."""
        self._topology = None

    async def publish(self, events: Sequence[LoggedEvent]) -> None:
        """Publish `events`; see `publishing`."""
        stands = await self._stands()

        async def send(batch: Sequence[Message]) -> list[str]:
            clients = self._connected()
            try:
                return await self._publishers.run(
                    lambda: topic.publish(clients, stands.topic_arn, batch, fifo=self._address.fifo)
                )
            except FAILURES as error:
                self._lose(error)
                raise unavailable("SNS", error) from error

        await publish(events, send, fifo=self._address.fifo)

    def source(self, consumer: Consumer, wake: Callable[[], None]) -> SqsSource:
        """Return what brings `consumer` the events of its queue."""
        self._consumers.setdefault(consumer.name, consumer)

        async def find() -> Queue:
            return (await self._stands()).queues[consumer.name]

        return SqsSource(
            consumer,
            find=find,
            lose=self._lose,
            inbox=Inbox(consumer.name, self._ids.token()),
            watermark=Watermark(self._database, consumer),
            ordered=self._address.fifo,
            visibility_s=self._address.visibility_s,
            clock=self._clock,
            wake=wake,
        )

    async def _stands(self) -> Topology:
        """Return topic and queues, made where they were missing; raise `Unavailable`."""
        if self._topology is not None:
            return self._topology
        async with self._turn:
            if self._topology is None:
                consumers = list(self._consumers.values())
                try:
                    self._topology = await self._makers.run(lambda: ensure(self._connected(), self._address, consumers))
                except FAILURES as error:
                    raise unavailable("SNS or SQS", error) from error
            return self._topology

    def _connected(self) -> Clients:
        if self._clients is None:
            self._clients = connect(self._address)
        return self._clients

    def _lose(self, error: Exception) -> None:
        """Look for topic and queues anew after an error that says that one is gone."""
        if is_missing(error) and self._topology is not None:
            log.error("a topic or queue is gone; it is made anew, and what it held is lost", error=str(error))
            self._topology = None

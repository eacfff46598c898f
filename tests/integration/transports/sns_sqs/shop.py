"""One house's corner of AWS, for one test: its transports and sources, and a look behind them."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database import Database
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.sns_sqs import Address, SnsSqsTransport
from comanda.engine.transports.sns_sqs.sqs_source import SqsSource
from tests.fakes.lanes import until
from tests.fakes.moto_process import MotoProcess

NOWHERE = Database("postgresql://127.0.0.1:9/nowhere")
"""Never opened: without it nothing moves but the cursors."""

_numbers = itertools.count(1)


class Shop:
    """A prefix of its own on moto's server."""

    def __init__(self, moto: MotoProcess, *, fifo: bool, visibility_s: int = 60, receives: int = 100) -> None:
        self.url = moto.url(f"shop{next(_numbers)}", fifo=fifo, visibility_s=visibility_s, receives=receives)
        self.address = Address.parse(self.url)
        self.clients = moto.clients()

    def transport(self, *consumers: Consumer, clock: Clock | None = None) -> SnsSqsTransport:
        """Return a transport of a house with these consumers."""
        return SnsSqsTransport(self.address, consumers, database=NOWHERE, clock=clock or SystemClock(), ids=RandomIds())

    @asynccontextmanager
    async def source(self, consumer: Consumer, *, clock: Clock | None = None) -> AsyncIterator[SqsSource]:
        """Run a source of a process of its own."""
        source = self.transport(consumer, clock=clock).source(consumer, lambda: None)
        await source.start()
        try:
            yield source
        finally:
            await source.stop()

    def queue_url(self, consumer: Consumer, *, dead: bool = False) -> str:
        """Return the URL of a consumer's queue, or of its dead letters."""
        return self.clients.sqs.get_queue_url(QueueName=self.address.queue_name(consumer.name, dead=dead))["QueueUrl"]

    def attributes(self, consumer: Consumer, *, dead: bool = False) -> dict[str, str]:
        """Return all attributes of a queue."""
        url = self.queue_url(consumer, dead=dead)
        answer = self.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return {str(name): value for name, value in answer["Attributes"].items()}

    def left(self, consumer: Consumer, *, dead: bool = False) -> int:
        """Return how many messages a queue holds, those that somebody works on included."""
        attributes = self.attributes(consumer, dead=dead)
        return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def subscriptions(self) -> list[dict[str, str]]:
        """Return the attributes of the topic's subscriptions."""
        topic = self.clients.sns.create_topic(Name=self.address.topic_name, Attributes=self.topic_attributes)
        found = self.clients.sns.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]
        return [
            self.clients.sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]
            for each in found
        ]

    @property
    def topic_attributes(self) -> dict[str, str]:
        """What tells a FIFO topic."""
        return {"FifoTopic": "true"} if self.address.fifo else {}

    def names(self) -> list[str] | None:
        """Return what the only subscription's filter policy lets through."""
        (subscription,) = self.subscriptions()
        policy = subscription.get("FilterPolicy")
        return msgspec.json.decode(policy).get("name") if policy else None


async def brought(source: SqsSource, count: int) -> list[LoggedEvent]:
    """Wait until so many events are in hand, and return them."""

    async def enough() -> bool:
        return len(await source.read(1000)) >= count

    await until(enough)
    return await source.read(1000)


async def finish(source: SqsSource, count: int) -> list[int]:
    """Take events until so many have come, acknowledge each, and return their numbers."""
    numbers: list[int] = []
    while len(numbers) < count:
        events = await brought(source, 1)
        await source.acknowledge(events)
        numbers += [event.id for event in events]
    return numbers


async def emptied(shop: Shop, consumer: Consumer) -> None:
    """Wait until a consumer's queue holds nothing."""
    await until(lambda: asyncio.to_thread(lambda: shop.left(consumer) == 0))


async def over(source: SqsSource) -> None:
    """Wait until what was read is ours no more."""

    async def ended() -> bool:
        return not source.valid()

    await until(ended)


async def nothing_comes(source: SqsSource, seconds: float) -> None:
    """Look for some seconds, and fail when an event comes."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                assert not await source.read(10)
                await asyncio.sleep(0.02)


def numbers(events: Sequence[LoggedEvent]) -> list[int]:
    """Return the events' numbers, in order."""
    return sorted(event.id for event in events)

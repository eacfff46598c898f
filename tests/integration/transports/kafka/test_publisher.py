"""Publishing to a real broker: all, in order, without a gap."""

import asyncio
import contextlib
import hashlib
from datetime import UTC, datetime

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from comanda.engine.errors import SettingError, Unavailable
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka.kafka_url import KafkaAddress
from comanda.engine.transports.kafka.message import event_of
from comanda.engine.transports.kafka.publisher import Publisher
from comanda.engine.transports.kafka.topic import Topic
from tests.fakes.lanes import until
from tests.servers.kafka.broker import KafkaBroker

AT = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)

ONE_BY_ONE = {"batch.num.messages": 1}
"""Each message a batch of its own, so that one can be refused alone."""

BULKY = "".join(hashlib.sha256(str(place).encode()).hexdigest() for place in range(1000))
"""A payload that no compression makes small."""

pytestmark = pytest.mark.slow  # A broker of Kafka.


def event(number: int, *, shard: int = 3, payload: str = '{"é": 1}', trace: str | None = None) -> LoggedEvent:
    """Return an event of the log."""
    return LoggedEvent(shard, number, number, AT, 2, "test.Rung", "bell ñ", payload, trace)


async def topic(address: KafkaAddress) -> None:
    """Make the topic."""
    await Topic(address.client(), address.topic, replicas=1).ready(lambda: False)


async def make(address: KafkaAddress, partitions: int, config: dict[str, str]) -> None:
    """Make the topic, in another shape than ours."""
    admin = AdminClient(address.client())
    wanted = NewTopic(address.topic, num_partitions=partitions, replication_factor=1, config=config)
    await asyncio.to_thread(admin.create_topics([wanted])[address.topic].result, 10)


def stored(address: KafkaAddress, shard: int = 3) -> list[LoggedEvent]:
    """Return all events of a partition."""
    consumer = Consumer({**address.client(), "group.id": "looker", "enable.auto.commit": False})
    try:
        partition = TopicPartition(address.topic, shard, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=10)
        consumer.assign([partition])
        messages: list[Message] = []
        while len(messages) < end:
            messages += consumer.consume(end - len(messages), 10)
        return [event_of(message, 0) for message in messages]
    finally:
        consumer.close()


async def test_an_event_comes_back_as_it_was_logged(address: KafkaAddress) -> None:
    """All that the log says of it travels along, to the microsecond and in any script."""
    await topic(address)
    events = [event(1, trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), event(2)]
    publisher = Publisher(address.client(), address.topic)
    await asyncio.to_thread(publisher.publish, events)
    publisher.close()
    for was, now in zip(events, await asyncio.to_thread(stored, address), strict=True):
        assert now.place is not None
        for field in ("shard", "position", "id", "at", "version", "name", "key", "payload", "trace"):
            assert getattr(now, field) == getattr(was, field)


async def past_a_hole(address: KafkaAddress, publisher: Publisher) -> list[int]:
    """Publish an event that the broker refuses between others; return what it has stored."""
    await make(address, 16, {"max.message.bytes": "9000"})
    probe = Publisher(address.client(), address.topic)

    async def refused() -> bool:
        try:
            await asyncio.to_thread(probe.publish, [event(1, shard=9, payload=BULKY)])
        except Unavailable:
            return True
        return False

    # A new topic takes messages before its limit is known to the broker.
    await until(refused)
    events = [event(1), event(2), event(3, payload=BULKY), *map(event, range(4, 20))]
    with pytest.raises(Unavailable):
        await asyncio.to_thread(publisher.publish, events)
    publisher.close()
    return [each.id for each in await asyncio.to_thread(stored, address)]


async def test_nothing_passes_an_event_that_is_refused(address: KafkaAddress) -> None:
    """What follows it in its partition is not stored either: readers would take it for the next."""
    publisher = Publisher({**address.client(), **ONE_BY_ONE}, address.topic)
    assert await past_a_hole(address, publisher) == [1, 2]


async def test_planted_without_the_guarantee_events_pass_a_hole(address: KafkaAddress) -> None:
    """The test above fails where the client is not told to leave no gap."""
    publisher = Publisher({**address.client(), **ONE_BY_ONE}, address.topic)
    publisher._settings["enable.gapless.guarantee"] = False  # noqa: SLF001 - the plant
    assert await past_a_hole(address, publisher) == [1, 2, *range(4, 20)]


async def again_and_again(publisher: Publisher, events: list[LoggedEvent]) -> None:
    """Publish as the relay does, until it has succeeded."""

    async def published() -> bool:
        with contextlib.suppress(Unavailable):
            await asyncio.to_thread(publisher.publish, events)
            return True
        return False

    await until(published)


async def test_a_broker_that_is_away_is_unavailable_and_then_takes_all(
    address: KafkaAddress, broker: KafkaBroker
) -> None:
    """What could not be stored in time is taken back; published again, it follows what was stored, without a gap."""
    await topic(address)
    publisher = Publisher(address.client(), address.topic, stored_s=2.0)
    await again_and_again(publisher, [event(1), event(2)])
    await broker.kill()
    try:
        with pytest.raises(Unavailable):
            await asyncio.to_thread(publisher.publish, [event(3), event(4)])
    finally:
        await broker.start()
    await again_and_again(publisher, [event(3), event(4)])
    publisher.close()
    seen = [each.id for each in await asyncio.to_thread(stored, address)]
    assert [number for place, number in enumerate(seen) if number not in seen[:place]] == [1, 2, 3, 4]


async def test_a_topic_of_another_shape_is_refused(address: KafkaAddress) -> None:
    """Whose partitions are not the log's shards cannot carry it, and the sentence says so."""
    await make(address, 3, {})
    with pytest.raises(SettingError, match="3 partitions"):
        await topic(address)


async def test_a_topic_is_made_once(address: KafkaAddress) -> None:
    """However many processes come at the same time."""
    await asyncio.gather(*(topic(address) for _ in range(4)))
    found = await asyncio.to_thread(AdminClient(address.client()).list_topics, address.topic, 10)
    assert len(found.topics[address.topic].partitions) == 16

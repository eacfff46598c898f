"""What is made in AWS. Moto's filter policies hold at once; AWS's take up to 15 minutes, which cannot be shown here."""

import asyncio
from typing import Any, ClassVar

import msgspec
import pytest

from comanda.engine.events import Event
from comanda.engine.lanes import Consumer
from comanda.engine.transports.sns_sqs.topology import FILTER_VALUES
from tests.fakes.moto_process import MotoProcess
from tests.integration.transports.sns_sqs.consumers import hear, hear_all, write_down
from tests.integration.transports.sns_sqs.shop import Shop, emptied, finish
from tests.unit.transports.sns_sqs.events import rung

DAY_S = 86_400


@pytest.mark.parametrize("fifo", [True, False])
async def test_what_is_missing_is_made_before_the_first_event(moto: MotoProcess, fifo: bool) -> None:  # noqa: FBT001 - by pytest
    """A consumer that nobody runs yet has its queue, its dead letters and its subscription, and gets what was sent."""
    shop = Shop(moto, fifo=fifo, visibility_s=60, receives=7)
    await shop.transport(hear).publish([rung(1)])
    queue, dead = shop.attributes(hear), shop.attributes(hear, dead=True)
    assert queue["VisibilityTimeout"] == "60"
    assert queue["MessageRetentionPeriod"] == str(4 * DAY_S)
    assert dead["MessageRetentionPeriod"] == str(10 * DAY_S)
    redrive = msgspec.json.decode(queue["RedrivePolicy"])
    assert redrive == {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 7}
    (statement,) = msgspec.json.decode(queue["Policy"])["Statement"]
    (subscription,) = shop.subscriptions()
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == subscription["TopicArn"]
    assert statement["Resource"] == queue["QueueArn"] == subscription["Endpoint"]
    assert subscription["RawMessageDelivery"] == "true"
    assert (queue.get("FifoThroughputLimit"), queue.get("DeduplicationScope")) == (
        ("perMessageGroupId", "messageGroup") if fifo else (None, None)
    )
    async with shop.source(hear) as source:
        assert await finish(source, 1) == [1]


async def test_making_it_twice_and_at_the_same_time_changes_nothing(moto: MotoProcess) -> None:
    """Processes that start together make one topic, one queue and one subscription."""
    shop = Shop(moto, fifo=True)
    await asyncio.gather(*(shop.transport(hear).publish([]) for _ in range(4)))
    before = (shop.attributes(hear), shop.subscriptions())
    await shop.transport(hear).publish([])
    assert (shop.attributes(hear), shop.subscriptions()) == before
    assert len(shop.subscriptions()) == 1


async def test_what_an_operator_made_is_left_as_it_is(moto: MotoProcess) -> None:
    """A queue that is there keeps its settings."""
    shop = Shop(moto, fifo=False)
    name = shop.address.queue_name(hear.name)
    shop.clients.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "77"})
    await shop.transport(hear).publish([])
    assert shop.attributes(hear)["VisibilityTimeout"] == "77"


@pytest.mark.parametrize("fifo", [True, False])
async def test_a_queue_receives_only_what_its_consumer_wants(moto: MotoProcess, fifo: bool) -> None:  # noqa: FBT001 - by pytest
    """The filter is SNS's: what a consumer does not want never reaches its queue; one that wants all gets all."""
    shop = Shop(moto, fifo=fifo)
    events = [rung(1), rung(2, name="test.Silenced"), rung(3)]
    await shop.transport(hear, write_down).publish(events)
    assert shop.left(hear) == 2
    assert shop.left(write_down) == 3


async def test_a_filter_grows_with_the_consumer_and_does_not_shrink(moto: MotoProcess) -> None:
    """While two versions run side by side, the older does not take away what the newer wants, and passes it over."""
    shop = Shop(moto, fifo=True)
    old, new = shop.transport(hear), shop.transport(hear_all)
    await old.publish([])
    assert shop.names() == ["test.Rung"]
    await new.publish([])
    assert shop.names() == ["test.Rung", "test.Silenced"]
    again = shop.transport(hear)
    await again.publish([rung(1, name="test.Silenced"), rung(2)])
    assert shop.names() == ["test.Rung", "test.Silenced"]
    assert shop.left(hear) == 2
    async with shop.source(hear) as source:
        assert await finish(source, 1) == [2]
        await emptied(shop, hear)


async def _ignore(*_: Any) -> None:
    return None


def _kinds(count: int) -> tuple[type[Event], ...]:
    def kind(number: int) -> type[Event]:
        class Kind(Event, frozen=True, kw_only=True):
            name: ClassVar[str] = f"test.Kind{number}"
            key_field: ClassVar[str] = "bell"

            bell: str

        return Kind

    return tuple(kind(number) for number in range(count))


async def test_more_names_than_a_filter_holds_are_filtered_by_the_source(moto: MotoProcess) -> None:
    """SNS admits 150 values; a consumer of more gets all, and its source passes over what it does not want."""
    shop = Shop(moto, fifo=False)
    kinds = _kinds(FILTER_VALUES + 1)
    most = Consumer(name="test.most", on=kinds[:-1], handle=_ignore)
    more = Consumer(name="test.more", on=kinds, handle=_ignore)
    await shop.transport(most, more).publish([rung(1), rung(2, name="test.Kind150"), rung(3, name="test.Kind7")])
    assert (shop.left(most), shop.left(more)) == (1, 3)
    async with shop.source(more) as source:
        assert sorted(await finish(source, 2)) == [2, 3]
        await emptied(shop, more)

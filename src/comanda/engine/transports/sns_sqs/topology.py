"""What must stand in AWS: one topic, and for each consumer a queue, its dead letters, and a subscription.

What is missing is made; what is there is left as it is, so that an operator may make it otherwise (encrypted, tagged,
with other times). The one thing that changes is a subscription's filter policy, and that only grows: while two versions
of a program run side by side, the older must not take away what the newer wants.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
import structlog

from comanda.engine.lanes.consumer import Consumer
from comanda.engine.transports.sns_sqs.address import Address
from comanda.engine.transports.sns_sqs.clients import Clients, is_missing
from comanda.engine.transports.sns_sqs.queue import Queue
from comanda.engine.transports.sns_sqs.topic import NAME, create_topic

if TYPE_CHECKING:
    from types_boto3_sqs.literals import QueueAttributeNameType

    Attributes = dict[QueueAttributeNameType, str]

log = structlog.get_logger(__name__)

FILTER_VALUES = 150
"""Values in one filter policy, at most. SNS developer guide, "Filter policy constraints". A consumer of more kinds gets
all events, and its source passes over those that it does not want."""

DAY_S = 86_400

RETENTION_S = 4 * DAY_S
"""How long a message waits in its queue."""

DEAD_RETENTION_S = 10 * DAY_S
"""How long a dead letter waits for a person. With `RETENTION_S` 14 days: as long as the inbox remembers, so that what
is redriven is still seen to have been handled."""


class Topology(msgspec.Struct, frozen=True):
    """What stands."""

    topic_arn: str
    queues: Mapping[str, Queue]


def ensure(clients: Clients, address: Address, consumers: Iterable[Consumer]) -> Topology:
    """Make what is missing for `consumers` and return it all. Blocks for a few calls per consumer."""
    topic_arn = create_topic(clients, address.topic_name, fifo=address.fifo)
    subscriptions = _subscriptions(clients, topic_arn)
    queues = {}
    for consumer in consumers:
        name = address.queue_name(consumer.name)
        url = _url(clients, name) or _create(clients, address, consumer.name, topic_arn)
        queues[consumer.name] = Queue(clients, url, visibility_s=address.visibility_s)
        _subscribe(clients, topic_arn, arn_of(topic_arn, name), consumer, subscriptions)
    return Topology(topic_arn, queues)


def arn_of(topic_arn: str, queue: str) -> str:
    """Return the ARN of a queue beside the topic: same partition, region and account."""
    _, partition, _, region, account, _ = topic_arn.split(":")
    return f"arn:{partition}:sqs:{region}:{account}:{queue}"


def wanted(consumer: Consumer) -> list[str] | None:
    """Return the names that a consumer's filter policy lets through; None for all."""
    names = consumer.names
    return None if names is None or len(names) > FILTER_VALUES else sorted(names)


def _url(clients: Clients, name: str) -> str | None:
    try:
        return clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except clients.sqs.exceptions.ClientError as error:
        if is_missing(error):
            return None
        raise


def _create(clients: Clients, address: Address, consumer: str, topic_arn: str) -> str:
    """Create a consumer's queue, after that of its dead letters."""
    fifo: Attributes = {"FifoQueue": "true"} if address.fifo else {}
    # A group's throughput is its own; else all groups of a queue would share 300 calls a second.
    fast: Attributes = {}
    if address.fifo:
        fast = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    dead = address.queue_name(consumer, dead=True)
    if _url(clients, dead) is None:
        clients.sqs.create_queue(QueueName=dead, Attributes={**fifo, "MessageRetentionPeriod": str(DEAD_RETENTION_S)})
    name = address.queue_name(consumer)
    redrive = {"deadLetterTargetArn": arn_of(topic_arn, dead), "maxReceiveCount": str(address.receives)}
    attributes: Attributes = {
        **fifo,
        **fast,
        "MessageRetentionPeriod": str(RETENTION_S),
        "VisibilityTimeout": str(address.visibility_s),
        "RedrivePolicy": _json(redrive),
        "Policy": _json(_policy(topic_arn, arn_of(topic_arn, name))),
    }
    log.info("queue created", queue=name)
    return clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def _policy(topic_arn: str, queue_arn: str) -> dict[str, object]:
    """Return the policy that lets the topic, and nobody else, send to a queue."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }


def _subscriptions(clients: Clients, topic_arn: str) -> dict[str, str]:
    """Return the topic's subscriptions to queues: the queue's ARN, and the subscription's."""
    found: dict[str, str] = {}
    for page in clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn):
        found.update(
            {each["Endpoint"]: each["SubscriptionArn"] for each in page["Subscriptions"] if each["Protocol"] == "sqs"}
        )
    return found


def _subscribe(
    clients: Clients, topic_arn: str, queue_arn: str, consumer: Consumer, subscriptions: Mapping[str, str]
) -> None:
    """Subscribe a consumer's queue, or see to it that its subscription lets through what the consumer wants."""
    names = wanted(consumer)
    subscription = subscriptions.get(queue_arn)
    if subscription is None:
        attributes = {"RawMessageDelivery": "true"}
        if names is not None:
            attributes["FilterPolicy"] = _json({NAME: names})
        clients.sns.subscribe(
            TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, Attributes=attributes, ReturnSubscriptionArn=True
        )
        return
    policy = clients.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"].get("FilterPolicy")
    if not policy or NAME not in (there := msgspec.json.decode(policy)):
        return
    union = None if names is None else sorted({*there[NAME], *names})
    if union is not None and len(union) > FILTER_VALUES:
        union = None
    if union != sorted(there[NAME]):
        clients.sns.set_subscription_attributes(
            SubscriptionArn=subscription,
            AttributeName="FilterPolicy",
            AttributeValue=_json({} if union is None else {NAME: union}),
        )
        log.info("subscription widened", lane=consumer.name)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

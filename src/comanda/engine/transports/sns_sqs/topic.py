"""The topic: where the relay publishes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from comanda.engine.transports.sns_sqs.clients import Clients
from comanda.engine.transports.sns_sqs.envelope import Message

if TYPE_CHECKING:
    from types_boto3_sns.type_defs import PublishBatchRequestEntryTypeDef

NAME = "name"
"""The attribute that bears the event's name, which the filter policies of the queues look at."""


def create_topic(clients: Clients, name: str, *, fifo: bool) -> str:
    """Create the topic unless there is one, and return its ARN. Blocks."""
    attributes = {"FifoTopic": "true"} if fifo else {}
    return clients.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]


def publish(clients: Clients, topic_arn: str, batch: Sequence[Message], *, fifo: bool) -> list[str]:
    """Publish a batch with one call, and return why each message that was not accepted was not. Blocks."""
    answer = clients.sns.publish_batch(
        TopicArn=topic_arn,
        PublishBatchRequestEntries=[_entry(str(place), message, fifo=fifo) for place, message in enumerate(batch)],
    )
    accepted = {success["Id"] for success in answer.get("Successful", [])}
    reasons = {failure["Id"]: f"{failure['Code']}: {failure.get('Message')}" for failure in answer.get("Failed", [])}
    # What is spoken of in neither list was not accepted.
    return [reasons.get(str(place), "no answer") for place in range(len(batch)) if str(place) not in accepted]


def _entry(place: str, message: Message, *, fifo: bool) -> "PublishBatchRequestEntryTypeDef":
    entry: PublishBatchRequestEntryTypeDef = {
        "Id": place,
        "Message": message.body,
        "MessageAttributes": {NAME: {"DataType": "String", "StringValue": message.event.name}},
    }
    if fifo:
        entry["MessageGroupId"] = message.group
        entry["MessageDeduplicationId"] = message.once
    return entry

"""A consumer's queue: receiving, deleting, and holding what is being worked on. All of it blocks."""

from collections.abc import Iterable, Sequence

import msgspec

from comanda.engine.transports.sns_sqs.batches import MOST, cut
from comanda.engine.transports.sns_sqs.clients import FAILURES, POLL_S, Clients


class Received(msgspec.Struct, frozen=True):
    """A message as it was received; the receipt speaks of this receiving of it."""

    id: str
    receipt: str
    body: str


class Queue:
    """One queue.

    Args:
        visibility_s: for how long a message is ours when it was received or extended.
    """

    def __init__(self, clients: Clients, url: str, *, visibility_s: int) -> None:
        self._clients = clients
        self.url = url
        self.visibility_s = visibility_s

    def receive(self, *, wait_s: int = POLL_S) -> list[Received]:
        """Return up to ten messages; wait for the first of them for at most `wait_s`."""
        answer = self._clients.polls.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=MOST, WaitTimeSeconds=wait_s, VisibilityTimeout=self.visibility_s
        )
        return [
            Received(message["MessageId"], message["ReceiptHandle"], message["Body"])
            for message in answer.get("Messages", [])
        ]

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to ten messages. One that is not deleted comes again."""
        self._clients.sqs.delete_message_batch(
            QueueUrl=self.url,
            Entries=[{"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(receipts)],
        )

    def extend(self, receipts: Sequence[str], seconds: int) -> set[str]:
        """Keep up to ten messages for `seconds` more, counted from now; return the receipts that are no longer ours."""
        answer = self._clients.sqs.change_message_visibility_batch(
            QueueUrl=self.url,
            Entries=[
                {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for place, receipt in enumerate(receipts)
            ],
        )
        kept = {success["Id"] for success in answer.get("Successful", [])}
        return {receipt for place, receipt in enumerate(receipts) if str(place) not in kept}

    def give_back(self, messages: Iterable[Received]) -> None:
        """Let others have `messages` at once. When that fails, they have them when our time is over."""
        for batch in cut([message.receipt for message in messages]):
            try:
                self.extend(batch, 0)
            except FAILURES:
                return

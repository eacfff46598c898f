"""Publishing: many events as few calls, without breaking the order of a key."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from comanda.engine.errors import Unavailable
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.sns_sqs.batches import MOST_BYTES, cut, rounds
from comanda.engine.transports.sns_sqs.envelope import Message, enclose

Send = Callable[[Sequence[Message]], Awaitable[Sequence[str]]]
"""Publishes one batch and returns why each message that was not accepted was not."""


async def publish(events: Sequence[LoggedEvent], send: Send, *, fifo: bool) -> None:
    """Publish `events` and return when all are accepted.

    To a FIFO topic those of one key go out one after the other, each when the one before was accepted; the rest side by
    side. After a message that was not accepted nothing more goes out.

    Raises:
        Unavailable: when any was not accepted, or a call failed; others may have been. Also when an event is too large
            for SNS, before any was sent: to go on without it would break its key's order.
    """
    messages = enclose(events)
    for message in messages:
        if message.size > MOST_BYTES:
            raise Unavailable(
                f"The event {message.event.name} {message.event.id} is too large for SNS: {message.size:,} bytes "
                f"of at most {MOST_BYTES:,}."
            )
    for round_ in rounds(messages, lambda message: message.group) if fifo else [messages]:
        batches = cut(round_, lambda message: message.size)
        # All of a round is waited for, also when one fails: whoever publishes again must not be overtaken by us.
        answers = await asyncio.gather(*(send(batch) for batch in batches), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            if answer:
                raise Unavailable(f"SNS did not accept {len(answer)} messages: {answer[0]}")

"""A message: one event of the log in its envelope, and what SNS wants to know about it.

SNS admits ten attributes to a message, and of an event's nine fields most are of no use to a filter. So the body is the
whole event, and its name alone is an attribute as well, for the filter policies of the queues.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from comanda.engine.errors import ComandaError
from comanda.engine.events.log import SHARDS
from comanda.engine.lanes.source import LoggedEvent

_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
"""What a message group's id may look like. API reference of SNS, Publish."""


class MalformedMessage(ComandaError):
    """A message in the queue is no event of ours."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in a message's body, as JSON. New fields get defaults: older workers read past them."""

    id: int
    position: int
    shard: Annotated[int, msgspec.Meta(ge=0, lt=SHARDS)]
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    version: int
    name: str
    key: str
    payload: msgspec.Raw
    trace: str | None = None


class Message(msgspec.Struct, frozen=True):
    """An event, ready to be published.

    Attributes:
        size: bytes as SNS counts them: body, and each attribute's name, type and value.
    """

    event: LoggedEvent
    body: str
    size: int

    @property
    def group(self) -> str:
        """The message group, within which a FIFO topic keeps the order: the event's key."""
        return group_of(self.event.key)

    @property
    def once(self) -> str:
        """The id by which a FIFO topic passes over what comes a second time within five minutes.

        With the event's time, so that a house set up anew under an old prefix, whose ids begin at 1 again, is heard.
        """
        return f"{self.event.id}.{int(self.event.at.timestamp() * 1_000_000)}"


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def enclose(events: Sequence[LoggedEvent]) -> list[Message]:
    """Return `events` as messages."""
    return [_enclosed(event) for event in events]


def disclose(body: str) -> LoggedEvent:
    """Return the event in a message's body; raise `MalformedMessage`."""
    try:
        envelope = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MalformedMessage(f"A message is no event of ours: {error}") from error
    return LoggedEvent(
        shard=envelope.shard,
        position=envelope.position,
        id=envelope.id,
        at=envelope.at,
        version=envelope.version,
        name=envelope.name,
        key=envelope.key,
        payload=bytes(envelope.payload).decode(),
        trace=envelope.trace,
    )


def group_of(key: str) -> str:
    """Return the key, or its SHA-256 where it has characters or a length that a group's id must not have."""
    return key if _GROUP.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def _enclosed(event: LoggedEvent) -> Message:
    body = _encoder.encode(
        Envelope(
            id=event.id,
            position=event.position,
            shard=event.shard,
            at=event.at,
            version=event.version,
            name=event.name,
            key=event.key,
            payload=msgspec.Raw(event.payload.encode()),
            trace=event.trace,
        )
    ).decode()
    # The two characters of the basic plane that a message must not have can stand only within JSON's strings.
    body = body.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")
    return Message(event, body, len(body.encode()) + len("nameString") + len(event.name.encode()))

"""An event as a message of Kafka: its payload is the value, its key the key, and all else stands in headers."""

from datetime import datetime
from typing import NamedTuple

from confluent_kafka import Message

from comanda.engine.lanes.source import LoggedEvent

Headers = list[tuple[str, str | bytes | None]]


class Place(NamedTuple):
    """Where an event stands for who reads it: under which epoch it was read, and the offset of what follows it."""

    epoch: int
    offset: int


def headers_of(event: LoggedEvent) -> Headers:
    """Return the headers of an event; others than Comanda may read them, so they are text."""
    headers: Headers = [
        ("name", event.name),
        ("version", str(event.version)),
        ("id", str(event.id)),
        ("position", str(event.position)),
        ("shard", str(event.shard)),
        ("at", event.at.isoformat()),
    ]
    if event.trace is not None:
        headers.append(("traceparent", event.trace))
    return headers


def event_of(message: Message, epoch: int) -> LoggedEvent:
    """Return the event in a message. Raises `ValueError` for one that the relay has not written."""
    value, key, partition, offset = message.value(), message.key(), message.partition(), message.offset()
    headers: dict[str, bytes] = {pair[0]: pair[1] for pair in message.headers() or () if isinstance(pair[1], bytes)}
    if value is None or key is None or partition is None or offset is None:
        raise ValueError("no value or no key")
    try:
        return LoggedEvent(
            shard=int(headers["shard"]),
            position=int(headers["position"]),
            id=int(headers["id"]),
            at=datetime.fromisoformat(headers["at"].decode()),
            version=int(headers["version"]),
            name=headers["name"].decode(),
            key=_text(key),
            payload=_text(value),
            trace=headers["traceparent"].decode() if "traceparent" in headers else None,
            place=Place(epoch, offset + 1),
        )
    except KeyError as error:
        raise ValueError(f"no header {error}") from error


def _text(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode()

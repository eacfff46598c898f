"""Events: facts, and the log they are written into."""

from comanda.engine.events.event import Event, EventCatalogue, UnknownEvent, Upcaster
from comanda.engine.events.log import SHARDS, EventLog, shard_of
from comanda.engine.events.waker import Waker

__all__ = [
    "SHARDS",
    "Event",
    "EventCatalogue",
    "EventLog",
    "UnknownEvent",
    "Upcaster",
    "Waker",
    "shard_of",
]

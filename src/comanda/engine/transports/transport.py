"""The port of all transports.

The log in PostgreSQL is where events become true. A transport carries them further: at least once, and those of one key
in their order. All else is the engine's: each effect once, retries, dead letters, rates. What publishes is the relay,
an ordinary consumer of the log; what is published is read by lanes through a `Source` for each consumer.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.relay import Relay
from comanda.engine.lanes.source import LoggedEvent, Source
from comanda.engine.service import Service


class Transport(Service, Protocol):
    """Carries events from the relay to the consumers' sources. Started before both, stopped after them."""

    @property
    def carrier(self) -> str:
        """Its name in the database, `kafka.comanda.events` say: what is published elsewhere has a cursor of its own."""
        ...

    async def publish(self, events: Sequence[LoggedEvent]) -> None:
        """Hand over `events`, in this order for each key; return once the carrier has stored all of them.

        Raises `Unavailable` when it may not have: the relay then publishes them again.
        """
        ...

    def source(self, consumer: Consumer, wake: Callable[[], None]) -> Source:
        """Return what brings `consumer` its events; `wake` is called when there is something to read."""
        ...


def relay_of(transport: Transport) -> Relay:
    """Return the consumer of the log that publishes by `transport`."""
    return Relay(name=f"relay.{transport.carrier}", publish=transport.publish)

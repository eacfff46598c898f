"""The relay: the consumer of the log that carries it further, and its lane.

It publishes each shard's events in the log's order, all of them, and moves its cursor when the carrier has stored them.
What is published again (it died in between, or another has taken over) is the same events in the same order, so that
whoever reads them can tell by their position alone. Therefore nothing is ever parked here: an event that cannot be
published holds up its shard until it can, and the backlog shows it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from comanda.engine.errors import Fenced
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.lane import Lane, Surroundings
from comanda.engine.lanes.source import LoggedEvent, Source

Publish = Callable[[Sequence[LoggedEvent]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Relay(Consumer):
    """A consumer of all events, that carries them further.

    Attributes:
        publish: returns when the carrier has stored all of the events; raises `Unavailable` when it may not have.
    """

    on: tuple[()] = ()
    batch: int = 1000
    raw: bool = True
    publish: Publish


class RelayLane(Lane):
    """Publishes batch after batch of the log; reads it whatever carries events to the other lanes."""

    def __init__(self, consumer: Relay, source: Source, around: Surroundings) -> None:
        super().__init__(consumer, source, around)
        self._publish = consumer.publish

    async def _handle(self, batch: Sequence[LoggedEvent]) -> None:
        if not self._source.valid():
            raise Fenced(f"{self.name}: the lease ended before the events were published.")
        await self._publish(batch)
        async with self._database.transaction() as tx:
            await self._source.move(tx, batch)
        self.counts.handled += len(batch)

    async def _retry_parked(self, held: dict[int, int]) -> int:
        del held
        return 0

    async def _retry(self, held: dict[int, int], event: LoggedEvent, attempts: int) -> None:
        raise AssertionError(f"A relay parks nothing, and here is {event}, tried {attempts} times, of {held}.")

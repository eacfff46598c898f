"""The lane of a consumer that only writes to the database: effect and progress are one commit.

That commit does not wait for the disk. The event is durable already; should the server crash before effect and cursor
are, both are gone together, and the event is handled again. Whatever builds on the effect durably, a call to the
outside above all, is committed after it and takes it to the disk with it. See docs/decisions/0070.
"""

from collections.abc import Iterator, Sequence

from comanda.engine.database.transaction import Transaction
from comanda.engine.lanes.consumer import Consumer, Handler
from comanda.engine.lanes.lane import Lane, Surroundings, passes_on
from comanda.engine.lanes.leases import fence
from comanda.engine.lanes.pace import Aside
from comanda.engine.lanes.source import LoggedEvent, Source

LONG_S = 0.5
SHORT_S = 0.1
"""A batch that takes longer than the first is followed by smaller ones, until one takes less than the second: a
transaction that is open for long holds up the horizon of all lanes."""


class DirectLane(Lane):
    """Runs the handler for a batch of events and moves the cursor, all in one transaction.

    When the batch fails it is cut in half until the failing event stands alone; that one is parked.
    """

    def __init__(self, consumer: Consumer, source: Source, around: Surroundings) -> None:
        super().__init__(consumer, source, around)
        if consumer.handle is None:
            raise TypeError(f"The consumer {self.name} has no handler.")
        self._handler: Handler = consumer.handle
        self._fit = consumer.size

    def _batches(self, events: Sequence[LoggedEvent]) -> Iterator[Sequence[LoggedEvent]]:
        start = 0
        while start < len(events):
            batch = events[start : start + self._fit]
            start += len(batch)
            yield batch

    def _spent(self, count: int, spent_s: float) -> None:
        super()._spent(count, spent_s)
        if spent_s > LONG_S:
            self._fit = max(1, count // 2)
        elif spent_s < SHORT_S:
            self._fit = min(self.consumer.size, self._fit * 2)

    async def _handle(self, batch: Sequence[LoggedEvent]) -> None:
        try:
            self.counts.handled += await self._database.run(lambda tx: self._apply(tx, batch), durable=False)
        except Exception as error:
            if passes_on(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._handle(batch[:middle])
                await self._handle(batch[middle:])
                return
            await self._park(batch[0], error)

    async def _apply(self, tx: Transaction, batch: Sequence[LoggedEvent]) -> int:
        """Handle what has had no effect yet and is not held back; return how many that were."""
        ready = await self._source.unseen(tx, batch, moving=True)
        blocked = await self._parking.held_keys(tx, ready)
        if blocked:
            await self._parking.hold_back(tx, [event for event in ready if event.key in blocked])
            ready = [event for event in ready if event.key not in blocked]
        if self._pace.limited:
            ready = await self._call_in_pace(tx, ready)
        else:
            await self._call(tx, ready)
        await self._source.move(tx, batch)
        return len(ready)

    async def _call_in_pace(self, tx: Transaction, events: Sequence[LoggedEvent]) -> Sequence[LoggedEvent]:
        """Call the handler for those events that may begin, and put the others aside; return the former."""
        aside = Aside(ordered=self.consumer.ordered)
        ready = [event for event in events if not aside.takes(event, self._pace.wait_s(event))]
        if self.consumer.takes is None:
            called = []
            for event in ready:
                if not aside.takes(event, None) and not aside.takes(event, (await self._may_begin([event]))[0]):
                    called.append(event)
                    await self._call(tx, [event])
        else:
            waits_s = await self._may_begin(ready)
            called = [event for event, wait_s in zip(ready, waits_s, strict=True) if not aside.takes(event, wait_s)]
            await self._call(tx, called)
        await self._parking.await_turns(tx, aside.events, aside.waits_s)
        return called

    async def _may_begin(self, events: Sequence[LoggedEvent]) -> list[float | None]:
        """Look once more, right before the call. Not for long: the open transaction holds everyone's horizon."""
        return await self._pace.begin(events, patient=False)

    async def _call(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        decoded = [self._decoded(event) for event in events]
        if self.consumer.takes is None:
            with self._traces.in_turn() as turn:
                for logged, event in zip(events, decoded, strict=True):
                    turn(logged)
                    await self._handler(tx, event)
        elif decoded:
            with self._traces.many(events):
                await self._handler(tx, decoded)

    async def _park(self, event: LoggedEvent, error: Exception) -> None:
        async with self._database.transaction() as tx:
            verdict = await self._parking.park(tx, event, 1, error)
            await self._source.move(tx, [event])
        self._failed(event, 1, error, verdict)
        await self._pace.heard(event, error)

    async def _retry(self, held: dict[int, int], event: LoggedEvent, attempts: int) -> None:
        shard = {event.shard: held[event.shard]}
        try:
            self.counts.handled += await self._database.run(lambda tx: self._apply_parked(tx, shard, event, attempts))
        except Exception as error:
            if passes_on(error):
                raise
            async with self._database.transaction() as tx:
                await fence(tx, self.name, shard)
                verdict = await self._parking.park(tx, event, attempts + 1, error)
            self._failed(event, attempts + 1, error, verdict)
            await self._pace.heard(event, error)

    async def _apply_parked(self, tx: Transaction, shard: dict[int, int], event: LoggedEvent, attempts: int) -> int:
        await fence(tx, self.name, shard)
        if not await self._parking.remove(tx, event):
            return 0
        (wait_s,) = await self._may_begin([event])
        if wait_s is not None:
            await self._parking.await_turns(tx, [event], [wait_s], attempts)
            return 0
        await self._call(tx, [event])
        return 1

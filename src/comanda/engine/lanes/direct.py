"""The lane of a consumer that only writes to the database: effect and progress are one commit."""

from collections.abc import Sequence

from comanda.engine.database.transaction import Transaction
from comanda.engine.lanes.lane import Lane, passes_on
from comanda.engine.lanes.leases import fence
from comanda.engine.lanes.reader import LoggedEvent, move


class DirectLane(Lane):
    """Runs the handler for each event of a batch and moves the cursor, all in one transaction.

    When the batch fails it is cut in half until the failing event stands alone; that one is parked.
    """

    async def _handle(self, held: dict[int, int], batch: Sequence[LoggedEvent]) -> None:
        try:
            await self._database.run(lambda tx: self._apply(tx, held, batch))
        except Exception as error:
            if passes_on(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._handle(held, batch[:middle])
                await self._handle(held, batch[middle:])
                return
            await self._park(held, batch[0], 1, error)

    async def _apply(self, tx: Transaction, held: dict[int, int], batch: Sequence[LoggedEvent]) -> None:
        blocked = await self._parking.held_keys(tx, batch)
        for event in batch:
            if event.key in blocked:
                await self._parking.hold_back(tx, event)
            else:
                await self._call(tx, event)
        await move(tx, self.name, held, batch)

    async def _call(self, tx: Transaction, event: LoggedEvent) -> None:
        handle = self.consumer.handle
        if handle is None:
            raise TypeError(f"The consumer {self.name} has no handler.")
        await handle(tx, self._catalogue.decode(event.name, event.version, event.payload))

    async def _park(self, held: dict[int, int], event: LoggedEvent, attempts: int, error: Exception) -> None:
        async with self._database.transaction() as tx:
            dead = await self._parking.park(tx, event, attempts, error)
            await move(tx, self.name, held, [event])
        self._failed(event, attempts, error, dead=dead)

    async def _retry(self, held: dict[int, int], event: LoggedEvent, attempts: int) -> None:
        try:
            await self._database.run(lambda tx: self._apply_parked(tx, held, event))
        except Exception as error:
            if passes_on(error):
                raise
            async with self._database.transaction() as tx:
                await fence(tx, self.name, {event.shard: held[event.shard]})
                dead = await self._parking.park(tx, event, attempts + 1, error)
            self._failed(event, attempts + 1, error, dead=dead)

    async def _apply_parked(self, tx: Transaction, held: dict[int, int], event: LoggedEvent) -> None:
        await fence(tx, self.name, {event.shard: held[event.shard]})
        if await self._parking.remove(tx, event):
            await self._call(tx, event)

"""The lane of a consumer that calls the outside world, with no transaction open while it does.

Claim (one short transaction that says who is about to do what), perform (calls, side by side), conclude (results and
cursor in one transaction). Before each call the lane looks at its lease on a monotonic clock: a worker that was paused
and wakes up late stops instead of calling. A call made twice all the same is absorbed by the provider's key, or by the
caller's journal.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced
from comanda.engine.events.event import Event
from comanda.engine.lanes.consumer import OutsideConsumer
from comanda.engine.lanes.lane import PARKED_EVERY_S, Lane, passes_on
from comanda.engine.lanes.leases import fence
from comanda.engine.lanes.reader import LoggedEvent, move


class Errand(msgspec.Struct):
    """One event on its way through claim, perform and conclude."""

    event: LoggedEvent
    attempts: int
    parked: bool
    work: Any = None
    outcome: Any = None
    error: Exception | None = None


class OutsideLane(Lane):
    """Runs claim, perform and conclude for the events of a batch; each key's events one after the other."""

    consumer: OutsideConsumer

    def _batches(self, events: Sequence[LoggedEvent]) -> Iterator[Sequence[LoggedEvent]]:
        """Cut before a key comes a second time: its first event is concluded before the second is claimed."""
        batch: list[LoggedEvent] = []
        keys: set[str] = set()
        for event in events:
            if event.key in keys or len(batch) >= self.consumer.batch:
                yield batch
                batch, keys = [], set()
            batch.append(event)
            keys.add(event.key)
        if batch:
            yield batch

    async def _handle(self, held: dict[int, int], batch: Sequence[LoggedEvent]) -> None:
        await self._run(held, [Errand(event, 0, parked=False) for event in batch])

    async def _retry_parked(self, held: dict[int, int]) -> int:
        """Retry what is due side by side: one slow call must not hold up the others."""
        now = self._clock.monotonic()
        if now - self._parked_at < PARKED_EVERY_S:
            return 0
        due = await self._parking.due(held, self.consumer.batch)
        self._parked_at = now
        # A key can be due twice only when the consumer is not ordered; then its later event waits for the next look.
        first: dict[str, Errand] = {}
        for event, attempts in due:
            first.setdefault(event.key, Errand(event, attempts, parked=True))
        if first:
            await self._run(held, list(first.values()))
        return len(first)

    async def _retry(self, held: dict[int, int], event: LoggedEvent, attempts: int) -> None:
        await self._run(held, [Errand(event, attempts, parked=True)])

    async def _run(self, held: dict[int, int], errands: Sequence[Errand]) -> None:
        await self._claim(held, errands)
        limit = asyncio.Semaphore(self.consumer.concurrency)
        await asyncio.gather(*(self._perform(errand, limit) for errand in errands))
        if any(isinstance(errand.error, Fenced) for errand in errands):
            raise Fenced(f"{self.name}: the lease ended before all calls were made.")
        await self._conclude(held, errands)

    async def _claim(self, held: dict[int, int], errands: Sequence[Errand]) -> None:
        """Claim all in one transaction; when that fails, each in its own, so that only the bad one fails."""
        try:
            await self._database.run(lambda tx: self._claim_in(tx, held, errands))
        except Exception as error:
            if passes_on(error):
                raise
            if len(errands) == 1:
                errands[0].error = error
                return
            for errand in errands:
                await self._claim(held, [errand])

    async def _claim_in(self, tx: Transaction, held: dict[int, int], errands: Sequence[Errand]) -> None:
        await fence(tx, self.name, {e.event.shard: held[e.event.shard] for e in errands})
        fresh = [errand.event for errand in errands if not errand.parked]
        blocked = await self._parking.held_keys(tx, fresh) if fresh else set()
        ready: list[Errand] = []
        events: list[Event] = []
        for errand in errands:
            if not errand.parked and errand.event.key in blocked:
                errand.error = HeldBack()
                continue
            ready.append(errand)
            events.append(self._catalogue.decode(errand.event.name, errand.event.version, errand.event.payload))
        if self.consumer.claim_all is not None:
            works = await self.consumer.claim_all(tx, events)
        else:
            works = [await self.consumer.claim(tx, event) for event in events]
        for errand, work in zip(ready, works, strict=True):
            errand.work = work

    async def _perform(self, errand: Errand, limit: asyncio.Semaphore) -> None:
        if errand.error is not None or errand.work is None:
            return
        async with limit:
            if not self._leases.valid():
                errand.error = Fenced("The lease ended before the call.")
                return
            try:
                errand.outcome = await self.consumer.perform(errand.work)
            except Exception as error:  # noqa: BLE001 - the worker's edge: whatever a call raises parks its event
                errand.error = error

    async def _conclude(self, held: dict[int, int], errands: Sequence[Errand]) -> None:
        """Conclude all in one transaction; when that fails, each in its own, in order."""
        try:
            await self._database.run(lambda tx: self._conclude_in(tx, held, errands))
        except Exception as error:
            if passes_on(error):
                raise
            if len(errands) > 1:
                for errand in errands:
                    await self._conclude(held, [errand])
                return
            errands[0].error = error
            await self._database.run(lambda tx: self._conclude_in(tx, held, errands))
        for errand in errands:
            if errand.error is not None and not isinstance(errand.error, HeldBack):
                self._failed(errand.event, errand.attempts + 1, errand.error, dead=False)

    async def _conclude_in(self, tx: Transaction, held: dict[int, int], errands: Sequence[Errand]) -> None:
        await fence(tx, self.name, {e.event.shard: held[e.event.shard] for e in errands})
        done: list[tuple[Any, Any]] = []
        for errand in errands:
            if isinstance(errand.error, HeldBack):
                await self._parking.hold_back(tx, errand.event)
            elif errand.error is not None:
                await self._parking.park(tx, errand.event, errand.attempts + 1, errand.error)
            else:
                if errand.parked:
                    await self._parking.remove(tx, errand.event)
                if errand.work is not None:
                    done.append((errand.work, errand.outcome))
        if self.consumer.conclude_all is not None:
            await self.consumer.conclude_all(tx, done)
        else:
            for work, outcome in done:
                await self.consumer.conclude(tx, work, outcome)
        fresh = [errand.event for errand in errands if not errand.parked]
        if fresh:
            await move(tx, self.name, held, fresh)


class HeldBack(Exception):
    """Marks an event that waits behind a parked one of its key."""

"""The lane of a consumer that calls the outside world, with no transaction open while it does.

Claim (one short transaction that says who is about to do what), perform (calls, side by side), conclude (results and
cursor in one transaction). Before each call the lane looks at its lease on a monotonic clock: a worker that was paused
and wakes up late stops instead of calling. A call made twice all the same is absorbed by the provider's key, or by the
caller's journal.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced, Unavailable
from comanda.engine.lanes.consumer import OutsideConsumer
from comanda.engine.lanes.errand import Errand
from comanda.engine.lanes.lane import Lane, Surroundings, passes_on
from comanda.engine.lanes.late_calls import REASON, LateCalls
from comanda.engine.lanes.leases import fence
from comanda.engine.lanes.pace import Aside
from comanda.engine.lanes.source import LoggedEvent, Source

LATE_FOR_EACH = 4
"""Late calls for each call that may be under way at once, before the lane waits for them."""

AWAY_S = 1.0
"""How long calls wait for their rate when the database, which keeps it, does not answer."""


class OutsideLane(Lane):
    """Runs claim, perform and conclude for the events of a batch; each key's events one after the other."""

    consumer: OutsideConsumer

    def __init__(self, consumer: OutsideConsumer, source: Source, around: Surroundings) -> None:
        super().__init__(consumer, source, around)
        self._limit = asyncio.Semaphore(consumer.concurrency)
        self._late = LateCalls(
            self._parking,
            self._database,
            self._clock,
            self._conclude_late,
            most=LATE_FOR_EACH * consumer.concurrency,
            hold_s=around.leases.lease_s,
        )

    def _batches(self, events: Sequence[LoggedEvent]) -> Iterator[Sequence[LoggedEvent]]:
        """Cut before a key comes a second time: its first event is concluded before the second is claimed."""
        if self.consumer.perform_all is not None:
            yield from super()._batches(events)
            return
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

    async def _handle(self, batch: Sequence[LoggedEvent]) -> None:
        errands = [Errand(event) for event in batch]
        self._put_aside(errands, [self._pace.wait_s(event) for event in batch])
        await self._run({}, errands)

    def _put_aside(self, errands: Sequence[Errand], waits_s: Sequence[float | None]) -> None:
        """Let errands wait whose rates have nothing left, and those behind them."""
        aside = Aside(ordered=self.consumer.ordered)
        for errand, wait_s in zip(errands, waits_s, strict=True):
            if aside.takes(errand.event, wait_s):
                errand.wait_s = wait_s or 0.0

    async def _retry_parked(self, held: dict[int, int]) -> int:
        """Retry what is due side by side: one slow call must not hold up the others."""
        await self._late.keep()
        due = await self._due(held)
        # A key can be due twice only when the consumer is not ordered; then its later event waits for the next look.
        first: dict[str, Errand] = {}
        for event, attempts in due:
            first.setdefault(event.key, Errand(event, attempts, parked=True))
        try:
            if first:
                await self._run(held, list(first.values()))
        finally:
            self._pace.settle()
        return len(first)

    async def _retry(self, held: dict[int, int], event: LoggedEvent, attempts: int) -> None:
        await self._run(held, [Errand(event, attempts, parked=True)])

    async def _run(self, held: dict[int, int], errands: Sequence[Errand]) -> None:
        self._traces.begin(errands)
        try:
            await self._run_begun(held, errands)
        finally:
            self._traces.end(errands)

    async def _run_begun(self, held: dict[int, int], errands: Sequence[Errand]) -> None:
        await self._claim(held, errands)
        calls = await self._call(errands)
        if any(isinstance(errand.error, Fenced) for errand in errands):
            for call in calls.values():
                call.cancel()
            raise Fenced(f"{self.name}: the lease ended before all calls were made.")
        concluding_at = self._clock.monotonic()
        await self._conclude(held, errands)
        for errand in errands:
            if errand.late:
                self._late.add(errand, calls[errand.event.id], put_off_at=concluding_at)
        await self._late.room()

    async def _call(self, errands: Sequence[Errand]) -> dict[int, asyncio.Task[None]]:
        """Make the calls, and return them by event once all have ended or the lane's patience has."""
        ready = [errand for errand in errands if errand.to_call]
        if not ready:
            return {}
        if self.consumer.perform_all is not None:
            await self._perform_all(ready)
            return {}
        calls = {errand.event.id: asyncio.create_task(self._perform(errand)) for errand in ready}
        try:
            await asyncio.wait(calls.values(), timeout=self.consumer.patience_s)
        except asyncio.CancelledError:
            for call in calls.values():
                call.cancel()
            raise
        for errand in ready:
            errand.late = not errand.called
        return calls

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
        fresh = [errand.event for errand in errands if not errand.parked]
        await self._fence(tx, held, errands)
        unseen = await self._source.unseen(tx, fresh, moving=False) if fresh else ()
        seen = {event.id for event in fresh} - {event.id for event in unseen}
        blocked = await self._parking.held_keys(tx, unseen) if unseen else set()
        for errand in errands:
            errand.held_back = not errand.parked and errand.event.key in blocked
        ready = [errand for errand in errands if not errand.held_back and errand.event.id not in seen]
        ready = [errand for errand in ready if errand.wait_s is None]
        events = [self._decoded(errand.event) for errand in ready]
        with self._traces.together(ready):
            if self.consumer.claim_all is not None:
                works = await self.consumer.claim_all(tx, events)
            else:
                works = [await self.consumer.claim(tx, event) for event in events]
        for errand, work in zip(ready, works, strict=True):
            errand.work = work

    async def _perform(self, errand: Errand) -> None:
        async with self._limit:
            await self._await_turn([errand])
            if not errand.to_call:
                pass
            elif not self._is_ours(errand):
                errand.error = Fenced("The lease ended before the call.")
            else:
                try:
                    async with asyncio.timeout(self.consumer.call_s):
                        with self._traces.call(errand):
                            errand.outcome = await self.consumer.perform(errand.work)
                except Exception as error:  # noqa: BLE001 - the worker's edge: whatever a call raises parks its event
                    errand.error = error
                    await self._pace.heard(errand.event, error)
            errand.called = True

    async def _await_turn(self, errands: Sequence[Errand]) -> None:
        """Look once more, right before the call, whether it may begin."""
        if not self._pace.limited:
            return
        try:
            waits_s = await self._pace.begin([errand.event for errand in errands])
        except Unavailable:
            waits_s = [AWAY_S] * len(errands)
        except Exception as error:  # noqa: BLE001 - a fault in a rate's `by` parks its event
            for errand in errands:
                errand.error = error
            return
        self._put_aside(errands, waits_s)

    def _is_ours(self, errand: Errand) -> bool:
        """Whether nobody else can be at this event: what is parked is kept by shard, whatever brings the others."""
        if self._late.keeps(errand):
            return self._late.holding()
        return self._leases.valid() if errand.parked else self._source.valid()

    async def _perform_all(self, errands: Sequence[Errand]) -> None:
        perform_all = self.consumer.perform_all
        if perform_all is None:
            raise TypeError(f"The consumer {self.name} has no perform_all.")
        await self._await_turn(errands)
        errands = [errand for errand in errands if errand.to_call]
        if not errands:
            return
        if not all(self._is_ours(errand) for errand in errands):
            raise Fenced(f"{self.name}: the lease ended before the call.")
        try:
            async with asyncio.timeout(self.consumer.call_s):
                with self._traces.together(errands):
                    outcomes = await perform_all([errand.work for errand in errands])
            for errand, outcome in zip(errands, outcomes, strict=True):
                errand.called = True
                if isinstance(outcome, Exception):
                    errand.error = outcome
                    await self._pace.heard(errand.event, outcome)
                else:
                    errand.outcome = outcome
        except Exception as error:
            if passes_on(error):
                raise
            for errand in errands:
                errand.error = error
                await self._pace.heard(errand.event, error)

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

    async def _conclude_late(self, errands: Sequence[Errand]) -> None:
        """Conclude errands whose calls went on beside their batch. Taking a parked row away is its fence."""
        for errand in errands:
            errand.late = False
            errand.parked = True
        # Those never called come due by themselves, as parked events do.
        called = [errand for errand in errands if not isinstance(errand.error, Fenced)]
        try:
            if called:
                await self._conclude({}, called)
        finally:
            self._traces.end(errands)
        self.wake()

    async def _conclude_in(self, tx: Transaction, held: dict[int, int], errands: Sequence[Errand]) -> None:
        await self._fence(tx, held, errands)
        failed = [errand for errand in errands if errand.error is not None and not errand.late]
        turns = [(errand, errand.wait_s) for errand in errands if errand.wait_s is not None and not errand.late]
        fresh_turns = [(errand.event, wait_s) for errand, wait_s in turns if not errand.parked]
        await self._parking.await_turns(tx, [event for event, _ in fresh_turns], [wait_s for _, wait_s in fresh_turns])
        await self._parking.put_off_each(tx, {e.event.id: wait_s for e, wait_s in turns if e.parked})
        await self._parking.hold_back(tx, [errand.event for errand in errands if errand.held_back])
        late = [errand.event for errand in errands if errand.late and not errand.parked]
        await self._parking.put_aside(tx, late, REASON, self._late.hold_s)
        again = [errand.event.id for errand in errands if errand.late and errand.parked]
        await self._parking.put_off(tx, again, self._late.hold_s)
        verdicts = [await self._parking.park(tx, e.event, e.attempts + 1, e.error) for e in failed if e.error]
        done = [e for e in errands if e.error is None and e.wait_s is None and not e.held_back and not e.late]
        done = [e for e in done if not e.parked or await self._parking.remove(tx, e.event)]
        results: list[tuple[Any, Any]] = [(e.work, e.outcome) for e in done if e.work is not None]
        with self._traces.together(done):
            if self.consumer.conclude_all is not None:
                await self.consumer.conclude_all(tx, results)
            else:
                for work, outcome in results:
                    await self.consumer.conclude(tx, work, outcome)
        fresh = [errand.event for errand in errands if not errand.parked]
        if fresh:
            await self._source.move(tx, fresh)
        tx.after_commit(lambda: self._concluded(len(done), failed, verdicts))

    def _concluded(self, done: int, failed: Sequence[Errand], verdicts: Sequence[Any]) -> None:
        self.counts.handled += done
        for errand, verdict in zip(failed, verdicts, strict=True):
            if errand.error is not None:
                self._failed(errand.event, errand.attempts + 1, errand.error, verdict)

    async def _fence(self, tx: Transaction, held: dict[int, int], errands: Sequence[Errand]) -> None:
        """Refuse parked events whose shards another worker has taken over; the source does so for fresh ones."""
        shards = {e.event.shard: held[e.event.shard] for e in errands if e.parked and e.event.shard in held}
        if shards:
            await fence(tx, self.name, shards)

    async def finish(self, grace_s: float) -> None:
        """Give late calls a while to end, and leave the rest to another worker."""
        await self._late.end(grace_s)
        await super().finish(grace_s)

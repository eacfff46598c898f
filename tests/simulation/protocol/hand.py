"""Who handles events: a worker's leases and its lane, one step at a time.

The steps are those of `DirectLane`, by the same functions and the same SQL, but they are taken when the machine says
so, and between two of them anything may happen: its lease ends, it is believed dead, others go on.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence

import asyncpg

from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced
from comanda.engine.lanes import Retries
from comanda.engine.lanes.leases import Leases, fence
from comanda.engine.lanes.log_source import move, read, skip
from comanda.engine.lanes.parking import Parking
from comanda.engine.lanes.source import LoggedEvent
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds
from tests.fakes.lanes import CATALOGUE, Rung
from tests.simulation.protocol.stage import WOULD_WAIT, Stage, begin

CONSUMER = "test.protocol"
NAMES = ["test.Rung"]
SHARDS = 2
"""Into how many the lane is cut at first."""

Effect = tuple[str, int]


class Hand:
    """One worker. Its own clock stands still: it never doubts its leases, however long it was paused."""

    def __init__(self, stage: Stage, connection: asyncpg.Connection) -> None:
        self._stage = stage
        self._connection = connection
        self._leases = Leases(stage.database, {CONSUMER: SHARDS}, clock=FakeClock(), wake=lambda: None)
        retries = Retries(limit=1_000_000, first_s=0.0)
        self._parking = Parking(stage.database, CONSUMER, retries, ordered=True, ids=SeededIds())
        self._batch: Sequence[LoggedEvent] = ()
        self._due: list[tuple[LoggedEvent, int]] = []
        self._due_held: dict[int, int] = {}
        self._tx: Transaction | None = None
        self._epochs: dict[int, int] = {}
        self._effects: list[Effect] = []
        self._moving = False

    @property
    def has_batch(self) -> bool:
        """Whether a batch is in hand."""
        return bool(self._batch)

    @property
    def has_due(self) -> bool:
        """Whether a parked event is in hand."""
        return bool(self._due)

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._tx is not None

    async def say_hello(self) -> None:
        """Register, and show life; it holds nothing then, and what it has in hand may be others' by now."""
        await self._leases._say_hello()  # noqa: SLF001 - the loop around it would run when it likes

    async def look(self) -> None:
        """Renew, and take what is due; its own transaction must not hold the cursors, or it would wait for itself."""
        if self._leases._connection is None:  # noqa: SLF001 - as above
            await self.say_hello()
        if not self._epochs:
            with contextlib.suppress(*WOULD_WAIT):
                await self._leases._look()  # noqa: SLF001 - as above

    async def hand_over(self) -> None:
        """Give back what is above its share, between two batches."""
        if self._tx is None:
            await self._leases.hand_over_surplus(CONSUMER)
            self._batch, self._due = (), []

    async def fall_silent(self) -> None:
        """Let its lease end: it was paused for longer, or its clock went wrong."""
        await self._stage.observer.execute(
            "UPDATE engine.workers SET alive_until = now() - interval '1 s' WHERE id = $1", self._leases.worker_id
        )
        await self._stage.observer.execute(
            "UPDATE engine.cursors SET leased_until = now() - interval '1 s' WHERE (consumer, shard) IN "
            "(SELECT consumer, shard FROM engine.cursors WHERE owner = $1 FOR UPDATE SKIP LOCKED)",
            self._leases.worker_id,
        )

    async def lose_its_sign_of_life(self) -> None:
        """Let the connection end on which it shows that it lives, and its lock with it; what it is about goes on."""
        connection, self._leases._connection = self._leases._connection, None  # noqa: SLF001 - as above
        if connection is not None:
            await connection.execute("SELECT pg_advisory_unlock_all()")
            self._stage.database.take_back(connection)

    async def go_on(self, limit: int) -> tuple[list[Effect], dict[int, int]]:
        """Take the next step; return what it committed."""
        if self._epochs:
            return await self.commit()
        if self._tx is not None:
            await self.move()
        elif self._batch:
            await self.apply()
        elif self._leases.held(CONSUMER):
            await self.read(limit)
        else:
            await self.look()
        return [], {}

    async def read(self, limit: int) -> None:
        """Read a batch, where none is in hand."""
        held = self._leases.held(CONSUMER)
        if held and not self._batch and self._tx is None:
            self._batch = await read(self._stage.database, CONSUMER, held, NAMES, limit)

    async def skip(self) -> None:
        """Move over a stretch in which nothing is for the consumer."""
        if self._tx is None and (held := self._leases.held(CONSUMER)):
            with contextlib.suppress(*WOULD_WAIT):
                await skip(self._stage.database, CONSUMER, held, NAMES)

    async def apply(self) -> None:
        """Begin a transaction and leave the effects of the batch in it."""
        if self._tx is not None or not self._batch:
            return
        self._tx = tx = await begin(self._connection)
        async with self._step():
            blocked = await self._parking.held_keys(tx, self._batch)
            await self._parking.hold_back(tx, [event for event in self._batch if event.key in blocked])
            for event in self._batch:
                if event.key not in blocked:
                    await self._leave_effect(tx, event)
            self._moving = True

    async def move(self) -> None:
        """Move the cursors in the transaction of the effects."""
        if self._tx is None or not self._moving or self._epochs:
            return
        async with self._step():
            await move(self._tx, CONSUMER, self._batch)
            self._epochs = {event.shard: event.place for event in self._batch}

    async def commit(self) -> tuple[list[Effect], dict[int, int]]:
        """Commit effects and progress; return both: what was done, and under which epochs."""
        if self._tx is None or not self._epochs:
            return [], {}
        await self._connection.execute("COMMIT")
        done = self._effects, self._epochs
        if self._moving:
            self._batch = ()
        self._forget()
        return done

    async def roll_back(self) -> None:
        """Roll back, as after a deadlock; the batch stays in hand."""
        if self._tx is not None:
            await self._connection.execute("ROLLBACK")
            self._forget()

    async def fail(self) -> dict[int, int]:
        """Park the first event of the batch: its handler raised. Return under which epoch that was committed."""
        if self._tx is not None or not self._batch:
            return {}
        event = self._batch[0]
        self._tx = tx = await begin(self._connection)
        async with self._step():
            await self._parking.park(tx, event, 1, RuntimeError("it failed"))
            await move(tx, CONSUMER, [event])
            self._epochs = {event.shard: event.place}
        if not self._epochs:
            return {}
        _, epochs = await self.commit()
        self._batch = self._batch[1:]
        return epochs

    async def look_at_parked(self) -> None:
        """Ask which parked events are due."""
        held = self._leases.held(CONSUMER)
        if held and self._tx is None:
            self._due_held = held
            self._due = await self._parking.due(held, 10)

    async def retry(self) -> None:
        """Begin a transaction that handles the next due event."""
        if self._tx is not None or not self._due:
            return
        event, _ = self._due.pop(0)
        shard = {event.shard: self._due_held[event.shard]}
        self._tx = tx = await begin(self._connection)
        async with self._step():
            await fence(tx, CONSUMER, shard)
            if await self._parking.remove(tx, event):
                await self._leave_effect(tx, event)
            self._epochs = shard

    async def retry_in_vain(self) -> dict[int, int]:
        """Park the next due event again: its handler raised once more."""
        if self._tx is not None or not self._due:
            return {}
        event, attempts = self._due.pop(0)
        shard = {event.shard: self._due_held[event.shard]}
        self._tx = tx = await begin(self._connection)
        async with self._step():
            await fence(tx, CONSUMER, shard)
            await self._parking.park(tx, event, attempts + 1, RuntimeError("it failed again"))
            self._epochs = shard
        if not self._epochs:
            return {}
        return (await self.commit())[1]

    async def end(self) -> None:
        """Leave nothing open."""
        await self.roll_back()
        await self.lose_its_sign_of_life()
        self._stage.database.take_back(self._connection)

    async def _leave_effect(self, tx: Transaction, logged: LoggedEvent) -> None:
        event = CATALOGUE.decode(logged.name, logged.version, logged.payload)
        assert isinstance(event, Rung)
        await tx.execute(
            "INSERT INTO effects (event, bell, number) VALUES ($1, $2, $3)", logged.id, event.bell, event.number
        )
        self._effects.append((event.bell, event.number))

    @contextlib.asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        """Roll back where the step is refused, or would wait for a lock."""
        try:
            yield
        except Fenced:
            await self.roll_back()
            self._batch, self._due = (), []
            self._leases.lost(CONSUMER)
        except WOULD_WAIT:
            await self.roll_back()

    def _forget(self) -> None:
        self._tx = None
        self._epochs = {}
        self._effects = []
        self._moving = False

"""Who writes events: a transaction that begins, gets its id early or late, emits, and commits or rolls back."""

import asyncio
from dataclasses import dataclass

import asyncpg

from comanda.engine.database.transaction import Transaction
from comanda.engine.events import Event, EventLog, Waker
from tests.fakes.lanes import Rung, Silenced
from tests.simulation.protocol.stage import PATIENCE, Stage, begin

KEY_LOCKS = 7
"""First half of the advisory lock on a key's entity: who emits an event of a key holds it until the end."""

GATE_S = 10.0
"""How long a statement may take until it stands at its gate."""

GATES = 1 << 40
"""Where the advisory locks of the gates begin."""


@dataclass
class Bell:
    """A key, and what was said of it in committed transactions, in the order in which it became true."""

    name: str
    lock: int
    truth: list[int]


class Writer:
    """One connection that writes."""

    def __init__(self, stage: Stage, connection: asyncpg.Connection, number: int) -> None:
        self._stage = stage
        self._log = EventLog(Waker(stage.database))
        self.connection = connection
        self._gate = GATES + number
        self._tx: Transaction | None = None
        self._said: list[tuple[Bell, int]] = []
        self._held_up: asyncio.Task[None] | None = None

    async def begin(self, *, early: bool) -> None:
        """Begin a transaction, where none is open; `early` has it write something else, so that it has its id."""
        if self._tx is None:
            self._tx = await begin(self.connection)
        if early and self._held_up is None:
            await self._tx.execute("INSERT INTO scratch VALUES (1)")

    async def say(self, bell: Bell, number: int) -> None:
        """Emit an event, where nobody else holds the key."""
        if await self._may_speak_of(bell) and self._tx is not None:
            await self._log.emit(self._tx, Rung(bell=bell.name, number=number))
            self._said.append((bell, number))

    async def say_what_nobody_wants(self, bell: Bell) -> None:
        """Emit an event that the consumer does not read."""
        if await self._may_speak_of(bell) and self._tx is not None:
            await self._log.emit(self._tx, Silenced(bell=bell.name))

    async def say_slowly(self, bell: Bell, number: int) -> None:
        """Begin to emit an event: the statement has its snapshot, and stands at a gate before its first row."""
        if not await self._may_speak_of(bell) or self._tx is None:
            return
        await self._stage.observer.execute("SELECT pg_advisory_lock($1)", self._gate)
        await self.connection.execute(f"SET LOCAL lock_timeout = 0; SET LOCAL protocol.gate = '{self._gate}'")
        self._held_up = asyncio.ensure_future(self._emit(self._tx, Rung(bell=bell.name, number=number)))
        self._said.append((bell, number))
        waiting = "SELECT count(*) FROM pg_locks WHERE pid = $1 AND locktype = 'advisory' AND NOT granted"
        async with asyncio.timeout(GATE_S):
            while not await self._stage.observer.fetchval(waiting, self.connection.get_server_pid()):
                if self._held_up.done():
                    raise AssertionError("nothing held the statement up")

    async def get_on(self) -> None:
        """Open the gate, where an insert stands at it."""
        held_up, self._held_up = self._held_up, None
        if held_up is None:
            return
        await self._stage.observer.execute("SELECT pg_advisory_unlock($1)", self._gate)
        await held_up
        await self.connection.execute(f"SET LOCAL protocol.gate = ''; SET LOCAL lock_timeout = '{PATIENCE}'")

    async def commit(self) -> None:
        """Make what was said true."""
        await self.get_on()
        if self._tx is not None:
            await self.connection.execute("COMMIT")
            for bell, number in self._said:
                bell.truth.append(number)
        self._forget()

    async def roll_back(self) -> None:
        """Take back what was said."""
        await self.get_on()
        if self._tx is not None:
            await self.connection.execute("ROLLBACK")
        self._forget()

    async def end(self) -> None:
        """Leave nothing open, whatever went wrong."""
        await self.roll_back()
        self._stage.database.take_back(self.connection)

    def _forget(self) -> None:
        self._tx = None
        self._said = []

    async def _emit(self, tx: Transaction, event: Event) -> None:
        await self._log.emit(tx, event)

    async def _may_speak_of(self, bell: Bell) -> bool:
        if self._held_up is not None:
            return False
        if self._tx is None:
            self._tx = await begin(self.connection)
        return bool(await self._tx.fetch_value("SELECT pg_try_advisory_xact_lock($1, $2)", KEY_LOCKS, bell.lock))

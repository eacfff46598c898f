"""Where the protocol is played: a migrated database, an event loop of its own, and what all players share."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg

from comanda.engine.database import Database
from comanda.engine.database.transaction import Transaction

Result = TypeVar("Result")

PATIENCE = "100ms"
"""One thread plays all parts, so that who waits for a lock would wait for ever: it gives up, and that is its move."""

LIMIT_S = 30.0
"""No step takes longer, unless something waits that should not."""

WOULD_WAIT = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)

MAKE = """
CREATE TABLE effects (place bigserial PRIMARY KEY, event bigint, bell text, number int);
CREATE TABLE scratch (n int);
CREATE FUNCTION stand_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('protocol.gate', true) <> '' THEN
        PERFORM pg_advisory_xact_lock_shared(current_setting('protocol.gate')::bigint);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stands_at_the_gate BEFORE INSERT ON engine.events
    FOR EACH STATEMENT EXECUTE FUNCTION stand_at_the_gate();
ALTER TABLE engine.events_default SET (autovacuum_enabled = off);
ALTER TABLE engine.cursors SET (autovacuum_enabled = off);
ALTER TABLE engine.parked SET (autovacuum_enabled = off);
ALTER TABLE effects SET (autovacuum_enabled = off);
ALTER TABLE scratch SET (autovacuum_enabled = off);
"""
"""The trigger holds an insert up between the taking of its snapshot and its first row: what a busy server does."""

CLEAR = """
DELETE FROM engine.events;
DELETE FROM engine.cursors;
DELETE FROM engine.parked;
DELETE FROM engine.lanes;
DELETE FROM engine.workers;
DELETE FROM effects;
DELETE FROM scratch;
"""


class Lending(Database):
    """A database whose direct connections are lent again when nobody has them: to open one costs more than a play."""

    def __init__(self, url: str) -> None:
        super().__init__(url, min_size=2, max_size=4, name="protocol")
        self._mine: list[asyncpg.Connection] = []
        self._free: list[asyncpg.Connection] = []

    async def connect(self) -> asyncpg.Connection:
        """Lend a connection that knows nothing of its past."""
        if not self._free:
            self._mine.append(await super().connect())
            self._free.append(self._mine[-1])
        connection = self._free.pop()
        await connection.reset()
        return connection

    def take_back(self, connection: asyncpg.Connection) -> None:
        """Take a connection back, for the next who asks."""
        self._free.append(connection)

    async def stop(self) -> None:
        """Close all."""
        for connection in self._mine:
            await connection.close()
        await super().stop()


class Stage:
    """A database and a loop.

    Args:
        url: of a migrated database that nobody else uses.
    """

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self.database = Lending(url)
        self.observer: asyncpg.Connection = self.run(self.database.connect())
        name = self.run(self.observer.fetchval("SELECT current_database()"))
        self.run(self.observer.execute(f"ALTER DATABASE {name} SET lock_timeout = '{PATIENCE}'; {MAKE}"))
        self.run(self.database.start())

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end."""
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, LIMIT_S))

    async def clear(self) -> None:
        """Begin anew: nothing was ever said or done."""
        await self.observer.execute(CLEAR)

    def close(self) -> None:
        """Close all connections and the loop."""
        self.run(self.database.stop())
        self._loop.close()


async def begin(connection: asyncpg.Connection) -> Transaction:
    """Begin a transaction that ends when somebody says so."""
    await connection.execute("BEGIN")
    return Transaction(connection)

"""Moves timers into the log when they are due.

`EventLog.emit(…, at=time)` writes an event into `engine.timers`. Each worker has a mover; whichever finds timers due
takes them out and logs them in one statement, so that each is logged once whatever dies meanwhile. They are moved in
the order of `(due_at, id)`, by one mover at a time, so that timers of one key are logged in that order. When a timer
is due is decided by the database's clock alone.
"""

import asyncio

import structlog

from comanda.engine.database.database import UNREACHABLE, Database
from comanda.engine.errors import Unavailable
from comanda.engine.events.waker import CHANNEL
from comanda.engine.service import Loop, wait_until_set

log = structlog.get_logger(__name__)

CHUNK = 500
"""Timers moved in one transaction, at most: a writing transaction holds everyone's horizon."""

LOOK_S = 1.0
"""Longest time between two looks: what a lost wake-up, or another mover's end, costs a timer."""

MOVING_LOCK = (0x434F4D41, -1)
"""The advisory lock of the mover that moves. Workers' signs of life share its first half; their second is positive."""

NEXT = """
SELECT extract(epoch FROM due_at - clock_timestamp())::float AS in_s FROM engine.timers ORDER BY due_at, id LIMIT 1
"""

LOCK = """
SELECT pg_try_advisory_xact_lock($1, $2) FROM set_config('idle_in_transaction_session_timeout', '5s', true)
"""
"""A mover whose process is stopped in the middle loses its connection, and the lock with it."""

MOVE = """
WITH first AS MATERIALIZED (
    SELECT id, due_at FROM engine.timers WHERE due_at <= statement_timestamp() ORDER BY due_at, id LIMIT $1
), due AS (
    DELETE FROM engine.timers t USING first WHERE t.id = first.id RETURNING t.*
)
INSERT INTO engine.events (shard, version, name, key, payload, trace)
SELECT shard, version, name, key, payload, trace FROM due ORDER BY due_at, id
"""
"""A statement of its own after the lock is held: only then does its snapshot see all that was moved before it, and
only then are the positions it gives behind theirs. With `clock_timestamp()`, which changes while it runs, PostgreSQL
would not look into the index for what is due but read all of it."""


class TimerMover:
    """One worker's mover."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._woken = asyncio.Event()
        self._loop = Loop("timers", self._run)

    def wake(self) -> None:
        """Look soon: there is a new timer, which may be the next."""
        self._woken.set()

    async def start(self) -> None:
        """Begin to move what is due. A database that does not answer yet is waited for."""
        await self._loop.start()

    async def stop(self) -> None:
        """Finish the chunk under way and end."""
        self._woken.set()
        await self._loop.stop()

    async def move_due(self) -> int:
        """Log up to `CHUNK` timers that are due, and return how many; 0 too while another mover is at it."""
        async with self._database.transaction() as tx:
            if not await tx.fetch_value(LOCK, *MOVING_LOCK):
                return 0
            moved = await tx.execute(MOVE, CHUNK)
            if moved:
                await tx.execute("SELECT pg_notify($1, '')", CHANNEL)
        return moved

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            self._woken.clear()
            try:
                pause_s = await self._turn()
            except (*UNREACHABLE, Unavailable) as error:
                log.warning("timers wait for the database", reason=str(error))
                pause_s = LOOK_S
            except Exception:
                # A mover that ended here would be missed by nobody until the first timer is late.
                log.exception("timers stumbled")
                pause_s = LOOK_S
            await wait_until_set(self._woken, pause_s)

    async def _turn(self) -> float:
        """Move a chunk if one is due; return how long to wait before the next turn."""
        in_s = await self._database.fetch_value(NEXT)
        if in_s is None or in_s > 0:
            return LOOK_S if in_s is None else min(in_s, LOOK_S)
        return 0.0 if await self.move_due() else LOOK_S

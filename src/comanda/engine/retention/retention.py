"""Retention: days of the log go when they are old enough and every consumer has passed them, archived first if wanted.

What a consumer has parked and what is set for later are copies, and stay. A consumer that has not passed a day holds
it; one that no longer exists does so until it is forgotten (`comanda log forget`).
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, date, timedelta
from typing import Literal, Protocol

import asyncpg
import msgspec
import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import UNREACHABLE, Database
from comanda.engine.database.partitions import partition_left_over, partitions
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Unavailable
from comanda.engine.retention.day import LOG, Day, Grown, Readers

log = structlog.get_logger(__name__)

TRIES = 5
"""How often the lock is asked for that dropping a day takes."""

BETWEEN_S = 1.0

TURN_LOCK = (0x434F4D41, -2)
"""The advisory lock of whoever applies the retention."""

Fate = Literal["dropped", "held", "busy"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one old day.

    Attributes:
        fate: `held` by consumers that have still to read it; `busy` when the log was being read all the time.
        events: how many it had, where it was dropped.
        file: its archive, where there is one.
        holders: who holds it.
    """

    day: date
    fate: Fate
    events: int = 0
    file: str | None = None
    holders: tuple[str, ...] = ()


class Archive(Protocol):
    """Where days are kept after they have gone from the log."""

    async def keep(self, connection: asyncpg.Connection, day: Day) -> tuple[str, int]:
        """Store a day, make sure that it can be read back, and return its file's name and its number of events."""
        ...


class Retention:
    """Applies the retention.

    Args:
        keep: how long a day stays after it has ended.
        readers: who reads the log.
        archive: where days are stored first; None to let them go.
    """

    def __init__(
        self, database: Database, *, clock: Clock, keep: timedelta, readers: Readers, archive: Archive | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep
        self._readers = readers
        self._archive = archive

    async def run(self) -> None:
        """Let go what may go. One at a time does this; another that comes meanwhile does nothing."""
        await self.apply()

    async def apply(self) -> list[Outcome]:
        """Let go what may go, and return what became of each old day."""
        async with self._connected() as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *TURN_LOCK):
                return []
            before = (self._clock.now() - self._keep).astimezone(UTC).date()
            tx = Transaction(connection)
            while await self._cut_left_over(connection, before):
                pass
            days = [Day(start) for start in await partitions(tx, LOG) if LOG.after(start) <= before]
            return [await self._apply_to(connection, day) for day in days]

    async def _apply_to(self, connection: asyncpg.Connection, day: Day) -> Outcome:
        tx = Transaction(connection)
        if holders := await day.holders(tx, self._readers):
            log.warning(
                "a day of the log is kept, for consumers have not read it: run them, or `comanda log forget` them",
                day=day.day.isoformat(),
                consumers=holders,
            )
            return Outcome(day=day.day, fate="held", holders=tuple(holders))
        kept = await day.archived(tx)
        if self._archive is not None and kept is None and not await day.empty(tx):
            kept = await self._archive.keep(connection, day)
            await day.note(tx, *kept)
        file, archived = kept or (None, None)
        for left in reversed(range(TRIES)):
            try:
                async with connection.transaction():
                    events = await day.drop(tx, self._readers, archived)
            except asyncpg.LockNotAvailableError:
                if left:
                    await self._clock.sleep(BETWEEN_S)
            except Grown as error:
                log.warning("an archive is made anew", day=day.day.isoformat(), reason=str(error))
                await tx.execute("DELETE FROM engine.archives WHERE day = $1", day.day)
                return Outcome(day=day.day, fate="busy", file=file)
            else:
                if events is None:
                    return Outcome(day=day.day, fate="busy", file=file)
                log.info("a day of the log was dropped", day=day.day.isoformat(), events=events, file=file)
                return Outcome(day=day.day, fate="dropped", events=events, file=file)
        log.warning(
            "a day of the log could not be dropped: the log is being read all the time", day=day.day.isoformat()
        )
        return Outcome(day=day.day, fate="busy", file=file)

    async def _cut_left_over(self, connection: asyncpg.Connection, before: date) -> bool:
        try:
            async with connection.transaction():
                return await partition_left_over(Transaction(connection), LOG, before) is not None
        except asyncpg.LockNotAvailableError:
            return False

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection of our own, on which counting a long day does not run into a pool's time-out."""
        connection = await self._database.connect()
        try:
            yield connection
        except UNREACHABLE as error:
            if connection.is_closed():
                raise Unavailable(f"The database went away: {error}") from error
            raise
        finally:
            with contextlib.suppress(*UNREACHABLE):
                await connection.close()

"""Periodic work: done every so often by one worker, whoever that is.

A row per work holds when it is next due, and until when somebody is at it. That time is written anew while the work
goes on, so that the work of a worker that dies is held up for `TURN_S`, never longer, and long work is not begun
twice. It is the turn's token too: a worker that was stopped, wakes up late and finds another's time there gives up.
Works go on beside each other: one that takes long holds up no other.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.errors import Unavailable
from comanda.engine.lanes.consumer import Periodic
from comanda.engine.service import wait_until_set

log = structlog.get_logger(__name__)

TURN_S = 30.0
"""How long after its last sign of life a worker may still be at a run before another may begin the next."""

ENSURE = "INSERT INTO engine.periodic (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"

DUE = """
SELECT name FROM engine.periodic WHERE name = ANY ($1::text[]) AND next_at <= clock_timestamp()
AND (busy_until IS NULL OR busy_until < clock_timestamp())
"""

TAKE = """
UPDATE engine.periodic
SET next_at = clock_timestamp() + make_interval(secs => $2), busy_until = clock_timestamp() + make_interval(secs => $3)
WHERE name = $1 AND next_at <= clock_timestamp() AND (busy_until IS NULL OR busy_until < clock_timestamp())
RETURNING busy_until
"""

RENEW = """
UPDATE engine.periodic SET busy_until = clock_timestamp() + make_interval(secs => $3)
WHERE name = $1 AND busy_until = $2 RETURNING busy_until
"""

DONE = "UPDATE engine.periodic SET busy_until = NULL WHERE name = $1 AND busy_until = $2"


class PeriodicRunner:
    """Runs what is due.

    Args:
        turn_s: see `TURN_S`.
    """

    def __init__(self, database: Database, works: Sequence[Periodic], clock: Clock, *, turn_s: float = TURN_S) -> None:
        self._database = database
        self._works = {work.name: work for work in works}
        self._clock = clock
        self._turn_s = turn_s
        self._ensured = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Look once a second, or as often as the most frequent work asks, until `stopping` is set.

        What is under way then is finished, unless this is cancelled.
        """
        if not self._works:
            return
        look_s = min(1.0, *(work.every_s for work in self._works.values()))
        async with asyncio.TaskGroup() as group:
            while not stopping.is_set():
                try:
                    for work in await self._due():
                        group.create_task(self._run_one(work))
                except Unavailable as error:
                    log.warning("periodic work waits for the database", reason=str(error))
                await wait_until_set(stopping, look_s)

    async def _due(self) -> list[Periodic]:
        if not self._ensured:
            await self._database.fetch(ENSURE, sorted(self._works))
            self._ensured = True
        rows = await self._database.fetch(DUE, list(self._works))
        return [self._works[row["name"]] for row in rows]

    async def _run_one(self, work: Periodic) -> None:
        """Take the turn of a work, if nobody else has, and do it."""
        try:
            until: datetime | None = await self._database.fetch_value(TAKE, work.name, work.every_s, self._turn_s)
            if until is None:
                return
            turn = _Turn(self._database, work.name, until, self._turn_s, self._clock)
            try:
                await turn.during(work)
            finally:
                await turn.end()
        except Unavailable as error:
            log.warning("periodic work waits for the database", work=work.name, reason=str(error))


class _Turn:
    """One run of one work, and the time until which it is ours."""

    def __init__(self, database: Database, name: str, until: datetime, turn_s: float, clock: Clock) -> None:
        self._database = database
        self._name = name
        self._until = until
        self._turn_s = turn_s
        self._clock = clock

    async def during(self, work: Periodic) -> None:
        """Do the work while keeping the turn; give it up when the turn is lost or it takes too long."""
        doing = asyncio.ensure_future(work.run())
        keeping = asyncio.create_task(self._keep())
        try:
            await asyncio.wait({doing, keeping}, timeout=work.most_s, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                lost = keeping.done()
                log.warning("periodic work given up", work=self._name, reason="turn lost" if lost else "took too long")
        finally:
            for task in (doing, keeping):
                task.cancel()
            await asyncio.wait({doing, keeping})
        if not doing.cancelled() and (error := doing.exception()) is not None:
            if isinstance(error, Unavailable):
                raise error
            log.error("periodic work failed", work=self._name, exc_info=error)

    async def end(self) -> None:
        """Let others take the next turn, where this one is still ours."""
        with contextlib.suppress(Unavailable):
            await self._database.fetch(DONE, self._name, self._until)

    async def _keep(self) -> None:
        """Write down every so often that we are at it; return when another is."""
        while True:
            await self._clock.sleep(self._turn_s / 3)
            with contextlib.suppress(Unavailable):
                until = await self._database.fetch_value(RENEW, self._name, self._until, self._turn_s)
                if until is None:
                    return
                self._until = until

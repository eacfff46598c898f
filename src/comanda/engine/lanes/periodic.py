"""Periodic work: done every so often by one worker, whoever that is.

A row per work holds when it is next due and who is at it until when. A worker that dies in the middle holds the work
up until its turn (`BUSY_S`) is over, never longer.
"""

import asyncio
from collections.abc import Sequence

import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.errors import Unavailable
from comanda.engine.lanes.consumer import Periodic
from comanda.engine.service import wait_until_set

log = structlog.get_logger(__name__)

BUSY_S = 120.0
"""How long a worker may be at one run before another may begin the next."""

ENSURE = "INSERT INTO engine.periodic (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"

TAKE = """
UPDATE engine.periodic
SET next_at = clock_timestamp() + make_interval(secs => $2), busy_until = clock_timestamp() + make_interval(secs => $3)
WHERE name = $1 AND next_at <= clock_timestamp() AND (busy_until IS NULL OR busy_until < clock_timestamp())
"""

DONE = "UPDATE engine.periodic SET busy_until = NULL WHERE name = $1"


class PeriodicRunner:
    """Runs what is due, one after the other."""

    def __init__(self, database: Database, works: Sequence[Periodic], clock: Clock) -> None:
        self._database = database
        self._works = {work.name: work for work in works}
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Look once a second, or as often as the most frequent work asks, until `stopping` is set."""
        if not self._works:
            return
        look_s = min(1.0, *(work.every_s for work in self._works.values()))
        ensured = False
        while not stopping.is_set():
            try:
                if not ensured:
                    async with self._database.transaction() as tx:
                        await tx.execute(ENSURE, sorted(self._works))
                    ensured = True
                await self.run_due()
            except Unavailable as error:
                log.warning("periodic work waits for the database", reason=str(error))
            await wait_until_set(stopping, look_s)

    async def run_due(self) -> None:
        """Run each work that is due and that nobody is at."""
        for work in self._works.values():
            async with self._database.transaction() as tx:
                mine = await tx.execute(TAKE, work.name, work.every_s, BUSY_S)
            if not mine:
                continue
            try:
                async with asyncio.timeout(BUSY_S):
                    await work.run()
            except Unavailable:
                raise
            except Exception:
                log.exception("periodic work failed", work=work.name)
            finally:
                async with self._database.transaction() as tx:
                    await tx.execute(DONE, work.name)

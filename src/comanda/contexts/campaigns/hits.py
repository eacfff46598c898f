"""Openings and clicks as they come in: gathered in the web process, and written into the log together.

Nobody waits for it: a picture and a redirection are answered at once, and a hit that cannot be written is lost and
counted, for a figure is worth less than a reader's time.
"""

import asyncio
from collections.abc import Sequence

import structlog

from comanda.contracts.campaigns import LinkClicked, MailOpened
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import ComandaError
from comanda.engine.events import EventLog
from comanda.engine.grouping import Grouping

log = structlog.get_logger(__name__)

Hit = MailOpened | LinkClicked

MOST_UNDER_WAY = 2_000
"""Hits of one process that are not written yet; what comes beyond is not counted."""


class Hits:
    """Takes hits. A service of the web processes."""

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._log = log
        self._grouping: Grouping[Hit, None] = Grouping("hits", self._write, most=500, side_by_side=1)
        self._under_way: set[asyncio.Task[None]] = set()
        self.lost = 0

    async def start(self) -> None:
        """Begin to write."""
        await self._grouping.start()

    async def stop(self) -> None:
        """Write what has come in, and end."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=5.0)
        await self._grouping.stop()

    def take(self, hit: Hit) -> None:
        """Take a hit; returns at once."""
        if len(self._under_way) >= MOST_UNDER_WAY:
            self.lost += 1
            return
        task = asyncio.create_task(self._see_through(hit))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _see_through(self, hit: Hit) -> None:
        try:
            await self._grouping.submit(hit)
        except ComandaError as error:
            self.lost += 1
            log.warning("a hit was not counted", campaign=hit.campaign, reason=str(error))

    async def _write(self, hits: Sequence[Hit]) -> Sequence[None]:
        async def emit(tx: Transaction) -> None:
            await self._log.emit_all(tx, hits)

        await self._database.run(emit)
        return [None] * len(hits)

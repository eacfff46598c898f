"""Sweeping what the engine's other tables no longer need, a little at a time.

What lanes did each minute is added up by its keeper, and the rows of dead workers are crossed out by the living.
"""

from comanda.engine import rates
from comanda.engine.database.database import Database

BATCH = 1000
"""Rows removed in one transaction, at most: a writing transaction holds everyone's horizon."""

MOST_BATCHES = 1000
"""Batches in one sweep of a table, at most; the next sweep goes on."""

INBOX = """
DELETE FROM engine.inbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM engine.inbox WHERE at < statement_timestamp() - interval '14 days' ORDER BY at LIMIT $1
))
"""
"""A carrier brings an event again within days: SQS keeps messages for 14 at most."""


class Sweep:
    """Removes old rows of the inbox, and buckets of rates that are as good as new."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch

    async def run(self) -> None:
        """Sweep once."""
        for remove in (self._inbox, self._rates):
            for _ in range(MOST_BATCHES):
                if await remove() < self._batch:
                    break

    async def _inbox(self) -> int:
        async with self._database.transaction() as tx:
            return await tx.execute(INBOX, self._batch)

    async def _rates(self) -> int:
        return await rates.sweep(self._database, self._batch)

"""What the lanes did, minute by minute: each worker adds to the rows what it has counted, every few seconds.

Counting costs a lane an addition in memory. What a worker that is killed had not written yet is lost to the figures,
never to the work. Minutes that no chart shows any more are added up in one row per lane (`SINCE_EVER`), so that the
totals never go back.
"""

import asyncio
from collections.abc import Sequence

import structlog

from comanda.engine.database.database import Database
from comanda.engine.errors import Unavailable
from comanda.engine.lanes.lane import Lane, LaneCounts
from comanda.engine.service import wait_until_set

log = structlog.get_logger(__name__)

EVERY_S = 5.0
"""Time between two writings."""

FOLD_EVERY = 60
"""Old minutes are added up once in so many writings."""

KEEP_HOURS = 2
"""How long minutes stand by themselves; charts show one hour."""

SINCE_EVER = "1970-01-01 00:00Z"
"""The minute of the row that holds what came before the others."""

ADD = """
INSERT INTO engine.lane_minutes AS m (lane, minute, handled, failed, dead, busy_s)
SELECT lane, date_trunc('minute', clock_timestamp()), handled, failed, dead, busy_s
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float[])
    AS n (lane, handled, failed, dead, busy_s)
ORDER BY lane
ON CONFLICT (lane, minute) DO UPDATE
SET handled = m.handled + excluded.handled, failed = m.failed + excluded.failed, dead = m.dead + excluded.dead,
    busy_s = m.busy_s + excluded.busy_s
"""

FOLD = f"""
WITH old AS (
    DELETE FROM engine.lane_minutes
    WHERE lane = ANY ($1::text[]) AND minute > '{SINCE_EVER}'
    AND minute < clock_timestamp() - make_interval(hours => $2)
    RETURNING lane, handled, failed, dead, busy_s
)
INSERT INTO engine.lane_minutes AS m (lane, minute, handled, failed, dead, busy_s)
SELECT lane, '{SINCE_EVER}', sum(handled), sum(failed), sum(dead), sum(busy_s) FROM old GROUP BY lane ORDER BY lane
ON CONFLICT (lane, minute) DO UPDATE
SET handled = m.handled + excluded.handled, failed = m.failed + excluded.failed, dead = m.dead + excluded.dead,
    busy_s = m.busy_s + excluded.busy_s
"""


class MinuteKeeper:
    """Writes down what the lanes of one worker have done.

    Args:
        every_s: time between two writings.
    """

    def __init__(self, database: Database, lanes: Sequence[Lane], *, every_s: float = EVERY_S) -> None:
        self._database = database
        self._lanes = tuple(lanes)
        self._every_s = every_s
        self._written = {lane.name: LaneCounts() for lane in lanes}

    async def run(self, stopping: asyncio.Event) -> None:
        """Write every few seconds until `stopping` is set, and once more then."""
        turn = 0
        while not await wait_until_set(stopping, self._every_s):
            turn += 1
            await self._attempt(fold=turn % FOLD_EVERY == 1)
        await self._attempt(fold=False)

    async def write(self) -> None:
        """Add what was counted since the last time."""
        now = [(lane.name, _copy(lane.counts)) for lane in self._lanes]
        new = [(name, counts, _minus(counts, self._written[name])) for name, counts in now]
        new = [(name, counts, more) for name, counts, more in new if more != LaneCounts()]
        if not new:
            return
        added = [more for _, _, more in new]
        columns = (
            [name for name, _, _ in new],
            [more.handled for more in added],
            [more.failed for more in added],
            [more.dead for more in added],
            [more.busy_s for more in added],
        )
        await self._database.run(lambda tx: tx.execute(ADD, *columns))
        self._written.update((name, counts) for name, counts, _ in new)

    async def fold(self) -> None:
        """Add old minutes up."""
        await self._database.run(lambda tx: tx.execute(FOLD, sorted(self._written), KEEP_HOURS))

    async def _attempt(self, *, fold: bool) -> None:
        try:
            await self.write()
            if fold:
                await self.fold()
        except Unavailable as error:
            # Nothing is forgotten: the next writing adds what this one could not.
            log.warning("figures not written", reason=str(error))


def _copy(counts: LaneCounts) -> LaneCounts:
    return LaneCounts(counts.handled, counts.failed, counts.dead, counts.busy_s)


def _minus(counts: LaneCounts, before: LaneCounts) -> LaneCounts:
    return LaneCounts(
        counts.handled - before.handled,
        counts.failed - before.failed,
        counts.dead - before.dead,
        counts.busy_s - before.busy_s,
    )

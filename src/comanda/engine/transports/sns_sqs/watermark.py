"""How far a consumer has come in the log, kept from what is in its inbox.

A queue brings events in an order of its own, and so the inbox holds single events. But whoever looks at a lane (its
backlog, an event's way, an audit), and whoever changes the carrier, asks the cursors, which say the same whatever
carries the events: what is not beyond the cursor has had its effect. So the cursors follow, each up to the last event
before the first that is not in the inbox.
"""

import asyncio

import asyncpg
import structlog

from comanda.engine.database.database import Database
from comanda.engine.errors import Unavailable
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.lanes.horizon import HORIZON
from comanda.engine.service import wait_until_set

log = structlog.get_logger(__name__)

LOCK = "SELECT FROM engine.cursors WHERE consumer = $1 ORDER BY shard FOR NO KEY UPDATE"
"""A statement of its own: a replay takes rows out of the inbox under these locks, and the next one must see that."""

FOLLOW = f"""
WITH walked AS (
    SELECT c.shard, e.position, e.id,
        bool_and(i.event_id IS NOT NULL) OVER (PARTITION BY c.shard ORDER BY e.position, e.id) AS handled
    FROM engine.cursors c CROSS JOIN LATERAL (
        SELECT e.position, e.id FROM engine.events e
        WHERE e.shard = c.shard AND (e.position, e.id) > (c.position, c.id) AND e.position < {HORIZON}
        AND ($2::text[] IS NULL OR e.name = ANY ($2::text[]))
        ORDER BY e.position, e.id LIMIT $3
    ) e
    LEFT JOIN engine.inbox i ON i.consumer = $1 AND i.event_id = e.id AND i.claimed_until IS NULL
    WHERE c.consumer = $1
), last AS (
    SELECT DISTINCT ON (shard) shard, position, id FROM walked WHERE handled ORDER BY shard, position DESC, id DESC
)
UPDATE engine.cursors c SET position = last.position, id = last.id
FROM last WHERE c.consumer = $1 AND c.shard = last.shard
"""

AT_ONCE = 500
"""Events of a shard that one statement looks at."""

MOST_STEPS = 20
"""Statements in a row, so that nobody else waits long for a connection."""

EVERY_S = 1.0
"""How long the cursors may be behind the inbox."""


class Watermark:
    """Moves the cursors of one consumer; every worker of it may do so."""

    def __init__(self, database: Database, consumer: Consumer) -> None:
        self._database = database
        self._consumer = consumer
        self._behind = asyncio.Event()
        self._behind.set()

    def fall_behind(self) -> None:
        """Say that events were handled, or, at a stop, that it is time to look a last time."""
        self._behind.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow the inbox until `stopping` is set, and then once more where it is behind."""
        while True:
            await self._behind.wait()
            self._behind.clear()
            try:
                await self.follow()
            except (Unavailable, asyncpg.PostgresError) as error:
                log.warning("cursors not moved", lane=self._consumer.name, error=str(error))
                self._behind.set()
            if stopping.is_set():
                return
            await wait_until_set(stopping, EVERY_S)

    async def follow(self) -> None:
        """Move the cursors as far as the inbox goes now."""
        for _ in range(MOST_STEPS):
            async with self._database.transaction() as tx:
                await tx.execute(LOCK, self._consumer.name)
                if not await tx.execute(FOLLOW, self._consumer.name, self._consumer.names, AT_ONCE):
                    return
        self._behind.set()

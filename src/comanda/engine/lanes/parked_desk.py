"""The desk at which a person deals with what is parked: look, redrive, drop.

What is chosen is written as a `ParkedFilter`; redriving and dropping go through it in chunks, each a short
transaction, so that a hundred thousand dead letters hold nobody's horizon back. Who did what is logged.
"""

from datetime import datetime
from typing import Literal

import msgspec
import structlog

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Refused
from comanda.engine.events.waker import CHANNEL

log = structlog.get_logger(__name__)

CHUNK = 500
"""Events redriven or dropped in one transaction."""

MAX_IDS = 1000
"""Events that a filter names one by one, at most."""

MAX_LOGGED = 50
"""Ids of one chunk that are written into the log, at most."""

CHOSEN = """
consumer = $1 AND event_id > $2
AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR name = $4) AND ($5::text IS NULL OR key = $5)
AND ($6::text IS NULL OR position(lower($6) IN lower(error)) > 0)
AND ($7::float IS NULL OR parked_at <= clock_timestamp() - make_interval(secs => $7))
AND ($8::bigint[] IS NULL OR event_id = ANY ($8))
"""
"""Rows of one consumer, by its primary key; the rest of the filter is tried on each."""

LOOK = f"""
SELECT consumer, event_id, shard, position::text AS position, at, version, name, key, payload, state, attempts, error,
    parked_at, next_at, trace
FROM engine.parked WHERE {CHOSEN} ORDER BY event_id LIMIT $9
"""

REDRIVE = f"""
WITH chosen AS (
    SELECT event_id FROM engine.parked WHERE {CHOSEN}
    AND (state = 'dead' OR (attempts > 0 AND next_at > clock_timestamp() + make_interval(secs => $10)))
    ORDER BY event_id LIMIT $9 FOR NO KEY UPDATE
)
UPDATE engine.parked p SET state = 'waiting', attempts = 0, next_at = clock_timestamp()
FROM chosen WHERE p.consumer = $1 AND p.event_id = chosen.event_id
RETURNING p.event_id
"""
"""What has not failed is left alone: it waits behind another event of its key. So is what is due soon: it is tried by
itself, and its call may be under way, which is seen by nothing but a next try that is put off a lease at a time."""

DROP = f"""
WITH chosen AS (
    SELECT event_id FROM engine.parked WHERE {CHOSEN} ORDER BY event_id LIMIT $9 FOR UPDATE
)
DELETE FROM engine.parked p USING chosen WHERE p.consumer = $1 AND p.event_id = chosen.event_id
RETURNING p.event_id
"""

State = Literal["waiting", "dead"]


class ParkedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which parked events of a lane are meant: those that fit all that is said. None says nothing.

    Attributes:
        lane: whose.
        state: `dead` (dead letters) or `waiting` (for their next try, or behind another event of their key).
        name: of the event.
        key: of the event.
        error: a part of the error's text, in capitals or not.
        older_than_s: parked for at least so many seconds.
        ids: of the events.
    """

    lane: str
    state: State | None = None
    name: str | None = None
    key: str | None = None
    error: str | None = None
    older_than_s: float | None = None
    ids: tuple[int, ...] | None = None

    @property
    def wide(self) -> bool:
        """Whether it means everything that is parked in the lane."""
        return all(getattr(self, name) is None for name in self.__struct_fields__ if name != "lane")

    def arguments(self, after: int) -> tuple[object, ...]:
        """Return the parameters of `CHOSEN`."""
        ids = None if self.ids is None else list(self.ids)
        return (self.lane, after, self.state, self.name, self.key, self.error, self.older_than_s, ids)


class ParkedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that failed for a consumer.

    Attributes:
        event_id: in the log.
        attempts: tries so far; none where it waits behind another, or its call is still under way.
        error: of the last try.
        next_at: when it is tried again, where it waits.
    """

    consumer: str
    event_id: int
    shard: int
    position: str
    at: datetime
    version: int
    name: str
    key: str
    payload: str
    state: State
    attempts: int
    error: str
    parked_at: datetime
    next_at: datetime
    trace: str | None


class ParkedDesk:
    """Shows what is parked, and does with it what a person decides.

    Args:
        lease_s: the workers' own; see `Leases`.
        chunk: events redriven or dropped in one transaction.
    """

    def __init__(self, database: Database, *, lease_s: float = 10.0, chunk: int = CHUNK) -> None:
        self._database = database
        self._soon_s = 2 * lease_s + 10.0
        self._chunk = chunk

    async def look(self, chosen: ParkedFilter, *, after: int = 0, limit: int = 100) -> list[ParkedEvent]:
        """Return what the filter means, by event id, beginning after the event `after`."""
        rows = await self._database.fetch(LOOK, *_checked(chosen).arguments(after), limit)
        return [ParkedEvent(**row) for row in rows]

    async def redrive(self, chosen: ParkedFilter, *, who: str) -> int:
        """Have failed events tried again soon, with all their tries before them; return how many.

        Events that are tried again within seconds anyway are not among them.
        """
        done = await self._all(REDRIVE, _checked(chosen), "parked events redriven", who, self._soon_s)
        if done:
            await self._database.fetch("SELECT pg_notify($1, '')", CHANNEL)
        return done

    async def drop(self, chosen: ParkedFilter, *, who: str) -> int:
        """Let events go: they count as handled, without an effect, and hold no key any more. Return how many."""
        return await self._all(DROP, _checked(chosen), "parked events dropped", who)

    async def _all(self, sql: str, chosen: ParkedFilter, what: str, who: str, *more: object) -> int:
        done = after = 0
        while True:
            touched = await self._database.run(lambda tx: _step(tx, sql, *chosen.arguments(after), self._chunk, *more))  # noqa: B023 - run at once
            if not touched:
                return done
            done += len(touched)
            after = max(touched)
            log.info(what, lane=chosen.lane, who=who, events=len(touched), event_ids=sorted(touched)[:MAX_LOGGED])


async def _step(tx: Transaction, sql: str, *arguments: object) -> list[int]:
    return [row["event_id"] for row in await tx.fetch(sql, *arguments)]


def _checked(chosen: ParkedFilter) -> ParkedFilter:
    if chosen.ids is not None and len(chosen.ids) > MAX_IDS:
        raise Refused(f"Name {MAX_IDS} events at most.", kind="too_large", code="too-many-events")
    return chosen

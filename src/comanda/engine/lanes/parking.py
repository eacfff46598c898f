"""Parked events: those that failed for a consumer, waiting for their next try or dead.

A parked event has left the cursor's way, so that its neighbours go on. Where the consumer is ordered, later events of
the same key are parked behind it and tried when it has gone through; a dead letter holds its key until an operator
redrives or drops it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import DeadLetter, Dropped, RetryLater
from comanda.engine.events.event import UnknownEvent
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Retries
from comanda.engine.lanes.source import LoggedEvent, logged

PARK = """
INSERT INTO engine.parked
    (consumer, event_id, shard, position, at, version, name, key, payload, trace, state, attempts, error, next_at)
SELECT $1, event_id, shard, position, at, version, name, key, payload, trace, $11, $12, $13,
    clock_timestamp() + make_interval(secs => wait_s)
FROM unnest(
    $2::bigint[], $3::smallint[], $4::xid8[], $5::timestamptz[], $6::smallint[], $7::text[], $8::text[],
    $9::text[]::json[], $10::text[], $14::double precision[]
) AS e (event_id, shard, position, at, version, name, key, payload, trace, wait_s)
ON CONFLICT (consumer, event_id) DO UPDATE
SET state = excluded.state, attempts = excluded.attempts, error = excluded.error, next_at = excluded.next_at
"""

DUE = """
SELECT p.shard, p.position, p.event_id AS id, p.at, p.version, p.name, p.key, p.payload, p.trace, p.attempts
FROM engine.parked p
WHERE p.consumer = $1 AND p.shard = ANY ($2::smallint[]) AND p.state = 'waiting' AND p.next_at <= statement_timestamp()
AND (NOT $3 OR NOT EXISTS (
    SELECT FROM engine.parked before
    WHERE before.consumer = p.consumer AND before.shard = p.shard AND before.key = p.key
    AND (before.position, before.event_id) < (p.position, p.event_id)
))
ORDER BY p.next_at LIMIT $4
"""
"""With `clock_timestamp()`, which changes while it runs, PostgreSQL would not look into the index for what is due."""

HELD_KEYS = """
SELECT DISTINCT key FROM engine.parked WHERE consumer = $1 AND shard = ANY ($2::smallint[]) AND key = ANY ($3::text[])
"""

PUT_OFF = """
UPDATE engine.parked SET next_at = clock_timestamp() + make_interval(secs => $3)
WHERE consumer = $1 AND event_id = ANY ($2::bigint[])
"""

PUT_OFF_EACH = """
UPDATE engine.parked p SET next_at = clock_timestamp() + make_interval(secs => e.wait_s)
FROM unnest($2::bigint[], $3::double precision[]) AS e (event_id, wait_s)
WHERE p.consumer = $1 AND p.event_id = e.event_id
"""

NEXT_DUE = """
SELECT extract(epoch FROM min(first.next_at) - clock_timestamp())::float
FROM unnest($2::smallint[]) AS held (shard) CROSS JOIN LATERAL (
    SELECT next_at FROM engine.parked p
    WHERE p.consumer = $1 AND p.shard = held.shard AND p.state = 'waiting' AND p.next_at > statement_timestamp()
    ORDER BY p.next_at LIMIT 1
) first
"""

REMOVE = "DELETE FROM engine.parked WHERE consumer = $1 AND event_id = $2"

MAX_ERROR = 2000
"""Characters of an error that are kept."""

UNKNOWN_MOST_S = 60.0
"""The longest wait of an event that a newer program wrote: a rolling deploy brings a worker that knows it."""


def delay_s(retries: Retries, attempts: int, ids: Ids, error: BaseException) -> float:
    """Return how long to wait after `attempts` failures: full jitter under a doubling cap, or what the other side said.

    Full jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    if isinstance(error, RetryLater) and error.after_s is not None:
        return error.after_s
    if isinstance(error, UnknownEvent):
        return UNKNOWN_MOST_S * ids.fraction()
    cap: float = min(retries.most_s, retries.first_s * 2.0 ** min(attempts - 1, 30))
    return cap * ids.fraction()


Verdict = Literal["retry", "dead", "drop"]
"""What becomes of an event that failed."""


def verdict_on(retries: Retries, attempts: int, error: BaseException) -> Verdict:
    """Return what becomes of an event that has failed `attempts` times, now with `error`."""
    if isinstance(error, UnknownEvent):
        return "retry"
    if isinstance(error, (Dropped, *retries.drop)):
        return "drop"
    if attempts >= retries.limit or isinstance(error, (DeadLetter, *retries.dead)):
        return "dead"
    return "retry"


class Parking:
    """The parked events of one consumer."""

    def __init__(self, database: Database, consumer: str, retries: Retries, *, ordered: bool, ids: Ids) -> None:
        self._database = database
        self._consumer = consumer
        self._retries = retries
        self._ordered = ordered
        self._ids = ids

    async def park(self, tx: Transaction, event: LoggedEvent, attempts: int, error: BaseException) -> Verdict:
        """Write down that `event` failed, or let it go; return which."""
        if isinstance(error, UnknownEvent):
            # The program failed, not the event: its tries are not used up.
            attempts -= 1
        verdict = verdict_on(self._retries, attempts, error)
        if verdict == "drop":
            await self.remove(tx, event)
            return verdict
        state = "dead" if verdict == "dead" else "waiting"
        text = f"{type(error).__name__}: {error}".replace("\0", "")[:MAX_ERROR]
        wait_s = 0.0 if verdict == "dead" else delay_s(self._retries, attempts, self._ids, error)
        await self._write(tx, [event], state=state, attempts=attempts, error=text, waits_s=[wait_s])
        return verdict

    async def hold_back(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        """Park events, untried, behind earlier ones of their keys."""
        reason = "waits behind an earlier event of its key"
        await self._write(tx, events, state="waiting", attempts=0, error=reason, waits_s=[0.0] * len(events))

    async def put_aside(self, tx: Transaction, events: Sequence[LoggedEvent], reason: str, wait_s: float) -> None:
        """Park events that have not failed, for `wait_s` seconds; whoever looks at them reads `reason`."""
        await self._write(tx, events, state="waiting", attempts=0, error=reason, waits_s=[wait_s] * len(events))

    async def await_turns(
        self, tx: Transaction, events: Sequence[LoggedEvent], waits_s: Sequence[float], attempts: int = 0
    ) -> None:
        """Park events that have not failed, each until its turn is likely: their keys' rates have nothing left now."""
        error = "waits for its rate"
        await self._write(tx, events, state="waiting", attempts=attempts, error=error, waits_s=waits_s)

    async def put_off_each(self, tx: Transaction, waits_s: Mapping[int, float]) -> None:
        """Let parked events wait, each for its own time."""
        if waits_s:
            await tx.execute(PUT_OFF_EACH, self._consumer, list(waits_s), list(waits_s.values()))

    async def put_off(self, tx: Transaction, event_ids: Sequence[int], wait_s: float) -> None:
        """Let parked events wait for `wait_s` seconds from now."""
        if event_ids:
            await tx.execute(PUT_OFF, self._consumer, event_ids, wait_s)

    async def due(self, held: Mapping[int, int], limit: int) -> list[tuple[LoggedEvent, int]]:
        """Return events whose next try is due, with the number of tries they have had."""
        rows = await self._database.fetch(DUE, self._consumer, list(held), self._ordered, limit)
        return [(logged(row), row["attempts"]) for row in rows]

    async def next_due_s(self, held: Mapping[int, int]) -> float | None:
        """Return in how many seconds the next event comes due; None when none will."""
        told: float | None = await self._database.fetch_value(NEXT_DUE, self._consumer, list(held))
        return None if told is None else max(0.0, told)

    async def held_keys(self, tx: Transaction | Database, events: Sequence[LoggedEvent]) -> set[str]:
        """Return which keys of `events` an earlier, parked event holds back."""
        if not self._ordered:
            return set()
        shards = list({event.shard for event in events})
        keys = list({event.key for event in events})
        rows = await tx.fetch(HELD_KEYS, self._consumer, shards, keys)
        return {row["key"] for row in rows}

    async def remove(self, tx: Transaction, event: LoggedEvent) -> bool:
        """Remove a parked event in the transaction of its effect; return False when somebody has done so already."""
        return await tx.execute(REMOVE, self._consumer, event.id) == 1

    async def _write(
        self,
        tx: Transaction,
        events: Sequence[LoggedEvent],
        *,
        state: str,
        attempts: int,
        error: str,
        waits_s: Sequence[float],
    ) -> None:
        if not events:
            return
        await tx.execute(
            PARK,
            self._consumer,
            [event.id for event in events],
            [event.shard for event in events],
            [event.position for event in events],
            [event.at for event in events],
            [event.version for event in events],
            [event.name for event in events],
            [event.key for event in events],
            [event.payload for event in events],
            [event.trace for event in events],
            state,
            attempts,
            error,
            waits_s,
        )

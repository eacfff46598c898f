"""Parked events: those that failed for a consumer, waiting for their next try or dead.

A parked event has left the cursor's way, so that its neighbours go on. Where the consumer is ordered, later events of
the same key are parked behind it and tried when it has gone through; a dead letter holds its key until an operator
redrives or drops it.
"""

from collections.abc import Mapping, Sequence

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import DeadLetter, RetryLater
from comanda.engine.events.event import UnknownEvent
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Retries
from comanda.engine.lanes.reader import LoggedEvent, logged

PARK = """
INSERT INTO engine.parked
    (consumer, event_id, shard, position, at, version, name, key, payload, state, attempts, error, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::json, $10, $11, $12, clock_timestamp() + make_interval(secs => $13))
ON CONFLICT (consumer, event_id) DO UPDATE
SET state = excluded.state, attempts = excluded.attempts, error = excluded.error, next_at = excluded.next_at
"""

DUE = """
SELECT p.shard, p.position, p.event_id AS id, p.at, p.version, p.name, p.key, p.payload, p.attempts
FROM engine.parked p
WHERE p.consumer = $1 AND p.shard = ANY ($2::smallint[]) AND p.state = 'waiting' AND p.next_at <= clock_timestamp()
AND (NOT $3 OR NOT EXISTS (
    SELECT FROM engine.parked before
    WHERE before.consumer = p.consumer AND before.shard = p.shard AND before.key = p.key
    AND (before.position, before.event_id) < (p.position, p.event_id)
))
ORDER BY p.next_at LIMIT $4
"""

HELD_KEYS = """
SELECT DISTINCT key FROM engine.parked WHERE consumer = $1 AND shard = ANY ($2::smallint[]) AND key = ANY ($3::text[])
"""

REMOVE = "DELETE FROM engine.parked WHERE consumer = $1 AND event_id = $2"

MAX_ERROR = 2000
"""Characters of an error that are kept."""


def delay_s(retries: Retries, attempts: int, ids: Ids, error: BaseException) -> float:
    """Return how long to wait after `attempts` failures: full jitter under a doubling cap, or what the other side said.

    Full jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    if isinstance(error, RetryLater) and error.after_s is not None:
        return error.after_s
    cap: float = min(retries.most_s, retries.first_s * 2.0 ** min(attempts - 1, 30))
    return cap * ids.fraction()


def is_dead(retries: Retries, attempts: int, error: BaseException) -> bool:
    """Whether an event that has failed `attempts` times, now with `error`, is not to be tried again."""
    return attempts >= retries.limit or isinstance(error, DeadLetter | UnknownEvent)


class Parking:
    """The parked events of one consumer."""

    def __init__(self, database: Database, consumer: str, retries: Retries, *, ordered: bool, ids: Ids) -> None:
        self._database = database
        self._consumer = consumer
        self._retries = retries
        self._ordered = ordered
        self._ids = ids

    async def park(self, tx: Transaction, event: LoggedEvent, attempts: int, error: BaseException) -> bool:
        """Write down that `event` failed; return whether it is dead now."""
        dead = is_dead(self._retries, attempts, error)
        text = f"{type(error).__name__}: {error}".replace("\0", "")[:MAX_ERROR]
        wait_s = 0.0 if dead else delay_s(self._retries, attempts, self._ids, error)
        await self._write(tx, event, state="dead" if dead else "waiting", attempts=attempts, error=text, wait_s=wait_s)
        return dead

    async def hold_back(self, tx: Transaction, event: LoggedEvent) -> None:
        """Park an event, untried, behind an earlier one of its key."""
        reason = "waits behind an earlier event of its key"
        await self._write(tx, event, state="waiting", attempts=0, error=reason, wait_s=0.0)

    async def due(self, held: Mapping[int, int], limit: int) -> list[tuple[LoggedEvent, int]]:
        """Return events whose next try is due, with the number of tries they have had."""
        rows = await self._database.fetch(DUE, self._consumer, list(held), self._ordered, limit)
        return [(logged(row), row["attempts"]) for row in rows]

    async def held_keys(self, tx: Transaction, events: Sequence[LoggedEvent]) -> set[str]:
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
        self, tx: Transaction, event: LoggedEvent, *, state: str, attempts: int, error: str, wait_s: float
    ) -> None:
        await tx.execute(
            PARK,
            self._consumer,
            event.id,
            event.shard,
            event.position,
            event.at,
            event.version,
            event.name,
            event.key,
            event.payload,
            state,
            attempts,
            error,
            wait_s,
        )

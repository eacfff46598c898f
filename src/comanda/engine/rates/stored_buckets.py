"""The buckets of a lane as rows of `engine.rates`: locked, changed and written back in one short transaction."""

from collections.abc import Callable, Collection
from datetime import datetime

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Record, Transaction
from comanda.engine.rates import bucket as buckets
from comanda.engine.rates.bucket import Bucket
from comanda.engine.rates.granting import Round
from comanda.engine.rates.rate import Rate

LOCK = """
WITH locked AS MATERIALIZED (
    SELECT key, tokens, filled_at, factor, slowed_at, promised_until FROM engine.rates
    WHERE lane = $1 AND key = ANY ($2::text[]) ORDER BY key FOR NO KEY UPDATE
)
SELECT locked.*, clock_timestamp() AS now, set_config('idle_in_transaction_session_timeout', $3, true) FROM locked
"""
"""The clock is read row by row, after each row's lock. A worker that is stopped between two statements must not keep
the others waiting: the server ends its session."""

HELD_MS = "500"
"""How long a worker that has stopped may keep buckets locked, in milliseconds."""

ENSURE = """
INSERT INTO engine.rates (lane, key, tokens, filled_at, idle_at)
SELECT $1, key, tokens, clock_timestamp(), clock_timestamp()
FROM unnest($2::text[], $3::double precision[]) AS new (key, tokens) ORDER BY key
ON CONFLICT DO NOTHING
"""

WRITE = """
UPDATE engine.rates r
SET tokens = new.tokens, filled_at = new.filled_at, factor = new.factor, slowed_at = new.slowed_at,
    promised_until = new.promised_until, idle_at = new.idle_at
FROM unnest(
    $2::text[], $3::double precision[], $4::timestamptz[], $5::double precision[], $6::timestamptz[],
    $7::timestamptz[], $8::timestamptz[]
) AS new (key, tokens, filled_at, factor, slowed_at, promised_until, idle_at)
WHERE r.lane = $1 AND r.key = new.key
"""

SWEEP = """
DELETE FROM engine.rates WHERE (lane, key) IN (
    SELECT lane, key FROM engine.rates WHERE idle_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING key
"""

MOST_KNOWN = 50_000
"""Names of buckets that are remembered to exist."""

SWEPT = 1000
"""Rows that one sweep takes, at most."""

Buckets = tuple[tuple[Rate, str], ...]
"""Rates, and which bucket of each."""


class StoredBuckets:
    """The buckets of one lane, shared by all workers."""

    def __init__(self, database: Database, lane: str) -> None:
        self._database = database
        self._lane = lane
        self._known: set[str] = set()

    async def change(self, needed: Buckets, slack_s: float, work: Callable[[Round], None]) -> None:
        """Lock the buckets `needed`, let `work` grant from them, write back what it changed. Raises `Unavailable`."""
        rates = {name: rate for rate, name in needed}
        while True:
            await self._ensure(rates)
            if await self._database.run(lambda tx: self._change(tx, rates, slack_s, work)):
                return
            self._known.difference_update(rates)  # A row was swept since we saw it.

    async def _ensure(self, rates: dict[str, Rate]) -> None:
        """Make the rows that are missing, in a transaction of its own: made under locks, two askers could cross."""
        new = [name for name in rates if name not in self._known]
        if not new:
            return
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        await self._database.fetch(ENSURE, self._lane, new, [rates[name].most for name in new])
        self._known.update(new)

    async def _change(
        self, tx: Transaction, rates: dict[str, Rate], slack_s: float, work: Callable[[Round], None]
    ) -> bool:
        rows = await tx.fetch(LOCK, self._lane, list(rates), HELD_MS)
        if len(rows) != len(rates):
            return False
        if not rows:
            return True
        now: datetime = max(row["now"] for row in rows)
        granting = Round({row["key"]: _bucket(row) for row in rows}, now=now, slack_s=slack_s)
        work(granting)
        if granting.changed:
            await self._write(tx, rates, granting.buckets, granting.changed)
        return True

    async def _write(
        self, tx: Transaction, rates: dict[str, Rate], stored: dict[str, Bucket], names: Collection[str]
    ) -> None:
        changed = [(name, stored[name]) for name in names]
        await tx.execute(
            WRITE,
            self._lane,
            [name for name, _ in changed],
            [bucket.tokens for _, bucket in changed],
            [bucket.filled_at for _, bucket in changed],
            [bucket.factor for _, bucket in changed],
            [bucket.slowed_at for _, bucket in changed],
            [bucket.promised_until for _, bucket in changed],
            [buckets.idle_at(rates[name], bucket) for name, bucket in changed],
        )


async def sweep(database: Database, limit: int = SWEPT) -> int:
    """Remove rows that say no more than missing ones (`limit` of them at most); return how many."""
    return len(await database.fetch(SWEEP, limit))


def _bucket(row: Record) -> Bucket:
    return Bucket(row["tokens"], row["filled_at"], row["factor"], row["slowed_at"], row["promised_until"])

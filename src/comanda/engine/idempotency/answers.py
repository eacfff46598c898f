"""Stored answers: what was decided for a key, byte for byte, written in the transaction of the decision.

Because a key's row is written by the transaction that decides, a row that can be read is a finished one: there is no
state "in progress" to get stuck in. A second request with the same key waits in `INSERT … ON CONFLICT DO NOTHING` until
the first has committed (then it reads the answer) or rolled back (then it decides).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.engine.database.transaction import Transaction


class Answer(msgspec.Struct, frozen=True):
    """What goes back to the caller. `replayed` says that it was decided by an earlier request."""

    status: int
    body: bytes
    location: str | None = None
    replayed: bool = False


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with the key it was given for.

    Attributes:
        scope: within which the key is unique: a restaurant and a caller.
        fingerprint: of what was asked; the same key with another one is a mistake of the caller's.
        body_hash: of the request's bytes, to know the very same request without reading it.
    """

    scope: UUID
    key: str
    fingerprint: bytes
    body_hash: bytes
    status: int
    answer: bytes
    location: str | None
    created_at: datetime

    def replay(self) -> Answer:
        """Return the answer as it is given again."""
        return Answer(self.status, self.answer, self.location, replayed=True)


INSERT = """
INSERT INTO engine.idempotency_keys (scope, key, fingerprint, body_hash, status, answer, location, created_at)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::bytea[], $4::bytea[], $5::smallint[], $6::bytea[], $7::text[], $8::timestamptz[]
)
ON CONFLICT (scope, key) DO NOTHING
RETURNING scope, key
"""

FIND = "SELECT * FROM engine.idempotency_keys WHERE scope = $1 AND key = $2"

REMOVE = """
DELETE FROM engine.idempotency_keys k
USING unnest($1::uuid[], $2::text[]) AS r (scope, key) WHERE k.scope = r.scope AND k.key = r.key
"""

SWEEP = """
DELETE FROM engine.idempotency_keys k USING (
    SELECT scope, key FROM engine.idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2
    FOR UPDATE SKIP LOCKED
) old WHERE k.scope = old.scope AND k.key = old.key
"""


async def store(tx: Transaction, answers: Sequence[StoredAnswer]) -> set[tuple[UUID, str]]:
    """Store `answers`, sorted by scope and key so that two callers never deadlock; return those that were new."""
    rows = await tx.fetch(
        INSERT,
        [a.scope for a in answers],
        [a.key for a in answers],
        [a.fingerprint for a in answers],
        [a.body_hash for a in answers],
        [a.status for a in answers],
        [a.answer for a in answers],
        [a.location for a in answers],
        [a.created_at for a in answers],
    )
    return {(row["scope"], row["key"]) for row in rows}


async def find(tx: Transaction, scope: UUID, key: str) -> StoredAnswer | None:
    """Return the answer stored for a key, or None."""
    row = await tx.fetch_row(FIND, scope, key)
    return None if row is None else StoredAnswer(**dict(row))


async def remove(tx: Transaction, keys: Sequence[tuple[UUID, str]]) -> None:
    """Take back keys that were stored in this transaction."""
    await tx.execute(REMOVE, [scope for scope, _ in keys], [key for _, key in keys])


async def sweep(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove up to `limit` answers older than `before`; return how many went."""
    return await tx.execute(SWEEP, before, limit)

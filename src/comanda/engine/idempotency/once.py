"""Doing one thing once for one key: the whole protocol for requests that are not grouped."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Refused
from comanda.engine.idempotency.answers import Answer, StoredAnswer, find, store, sweep

FINISH = """
UPDATE engine.idempotency_keys SET status = $3, answer = $4, location = $5 WHERE scope = $1 AND key = $2
"""

SWEPT_AT_ONCE = 500
"""Rows that one sweeping transaction removes, at most."""

SWEEPS_IN_A_ROW = 200
"""Sweeping transactions in one turn, at most; what is left goes in the next."""


class Once:
    """Decides once per key and gives the same answer ever after.

    Args:
        keep_h: hours for which answers are kept.
    """

    def __init__(self, database: Database, clock: Clock, *, keep_h: float = 24.0) -> None:
        self._database = database
        self._clock = clock
        self.keep = timedelta(hours=keep_h)

    async def decide(
        self, scope: UUID, key: str, fingerprint: bytes, decision: Callable[[Transaction], Awaitable[Answer]]
    ) -> Answer:
        """Return the answer of `decision`, run in a transaction with the key, or the one stored before.

        When `decision` raises, nothing is stored, and the key is free again. Raises `Refused` (invalid) when the key
        was used for something else.
        """

        async def work(tx: Transaction) -> Answer:
            unfinished = StoredAnswer(
                scope=scope,
                key=key,
                fingerprint=fingerprint,
                body_hash=fingerprint,
                status=0,
                answer=b"",
                location=None,
                created_at=self._clock.now(),
            )
            if await store(tx, [unfinished]):
                answer = await decision(tx)
                await tx.execute(FINISH, scope, key, answer.status, answer.body, answer.location)
                return answer
            stored = await find(tx, scope, key)
            if stored is None:
                # Swept between the two statements: as good as never used; the caller's next try decides.
                raise Refused("Please send this again.", kind="conflict", code="idempotency-key-expired")
            if stored.fingerprint != fingerprint:
                raise key_reused()
            return stored.replay()

        return await self._database.run(work)

    async def sweep(self) -> None:
        """Remove answers that were kept long enough, in small batches."""
        before = self._clock.now() - self.keep
        for _ in range(SWEEPS_IN_A_ROW):
            async with self._database.transaction() as tx:
                swept = await sweep(tx, before, SWEPT_AT_ONCE)
            if swept < SWEPT_AT_ONCE:
                return


def key_reused() -> Refused:
    """Return the refusal of a key that was used for another form."""
    return Refused(
        "This Idempotency-Key was used for a different request. Use a new key for a new request.",
        kind="invalid",
        code="idempotency-key-reused",
    )

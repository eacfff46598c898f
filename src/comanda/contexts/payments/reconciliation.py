"""Asking the provider about what the lanes could not find out.

Every few seconds one worker takes the open payments and refunds whose look-up is due, and asks. A provider that does
not answer a ping is left alone until the next round.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol, TypeVar
from uuid import UUID

import structlog

from comanda.contexts.payments import store
from comanda.contexts.payments.charging import Charging
from comanda.contexts.payments.providers import LookUp, PaymentProvider
from comanda.contexts.payments.refunding import Refunding
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import ComandaError, Unavailable

log = structlog.get_logger(__name__)

ROUND = 200
"""Payments, and refunds, looked at in one round at most; the next round takes the next."""

AT_ONCE = 8
"""Look-ups under way at the same time."""

WEBHOOKS_KEPT = timedelta(days=90)
"""How long the ids of webhooks are kept: providers repeat for days, not for months."""

Work = TypeVar("Work")


class Checker(Protocol[Work]):
    """What `Charging` and `Refunding` have in common."""

    async def claim_check(self, tx: Transaction, subject: UUID, /) -> Work | None:
        """Write that a look-up is about to be made."""
        ...

    async def check(self, work: Work, /) -> LookUp:
        """Make it."""
        ...

    async def conclude(self, tx: Transaction, work: Work, outcome: LookUp, /) -> None:
        """Let what was found take effect."""
        ...


class Reconciliation:
    """Resolves open payments and refunds."""

    def __init__(
        self, database: Database, provider: PaymentProvider, charging: Charging, refunding: Refunding, clock: Clock
    ) -> None:
        self._database = database
        self._provider = provider
        self._charging = charging
        self._refunding = refunding
        self._clock = clock

    async def run(self) -> None:
        """Do one round."""
        now = self._clock.now()
        payments = await store.open_payments(self._database, due=now, limit=ROUND)
        refunds = await store.open_refunds(self._database, due=now, limit=ROUND)
        await store.sweep_webhooks(self._database, before=now - WEBHOOKS_KEPT, limit=1000)
        if not payments and not refunds:
            return
        try:
            await self._provider.ping()
        except Unavailable as error:
            log.warning("nothing reconciled", open_payments=len(payments), open_refunds=len(refunds), error=str(error))
            return
        limit = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(
            *(self._one(limit, lambda p=p: self._resolve(self._charging, p)) for p in payments),  # type: ignore[misc]
            *(self._one(limit, lambda r=r: self._resolve(self._refunding, r)) for r in refunds),  # type: ignore[misc]
        )

    async def _one(self, limit: asyncio.Semaphore, resolve: Callable[[], Awaitable[None]]) -> None:
        async with limit:
            try:
                await resolve()
            except ComandaError:
                # One that cannot be resolved (a contradiction, say) does not hold up the others.
                log.exception("not reconciled")

    async def _resolve(self, checker: Checker[Work], subject: UUID) -> None:
        async def claim(tx: Transaction) -> Work | None:
            return await checker.claim_check(tx, subject)

        work = await self._database.run(claim)
        if work is None:
            return
        outcome = await checker.check(work)
        await self._database.run(lambda tx: checker.conclude(tx, work, outcome))

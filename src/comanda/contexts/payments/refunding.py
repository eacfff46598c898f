"""Giving money back, once: the row with its amount set aside, then the call, then the word.

The lane calls `claim`, `perform` and `conclude`; reconciliation calls `claim_check`, `check` and `conclude`.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.payments import store
from comanda.contexts.payments.payment import Payment
from comanda.contexts.payments.policy import Policy
from comanda.contexts.payments.providers import LookUp, NotFound, PaymentProvider, RefundQuery, RefundRequest, Unknown
from comanda.contexts.payments.refund import Refund
from comanda.contexts.payments.service import Settlement
from comanda.contracts.payments import RefundDue
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction


class RefundWork(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that is about to be sent, or to be looked up. `attempt` counts from 1."""

    request: RefundRequest
    attempt: int
    first_sent_at: datetime

    @property
    def query(self) -> RefundQuery:
        """How to look for it."""
        return RefundQuery(refund_id=self.request.refund_id, charge_ref=self.request.charge_ref)


class Refunding:
    """Gives money back through a provider."""

    def __init__(self, provider: PaymentProvider, settlement: Settlement, clock: Clock, policy: Policy) -> None:
        self._provider = provider
        self._settlement = settlement
        self._clock = clock
        self._policy = policy

    async def claim(self, tx: Transaction, event: RefundDue) -> RefundWork | None:
        """Write that the refund is about to be sent; None when that is over."""
        now = self._clock.now()
        pair = await store.lock_refund(tx, event.refund_id)
        if pair is None:
            return None
        payment, before = pair
        if not (before.is_open or before.state == "due"):
            return None
        sending = before.sending(now=now, check_at=self._policy.check_at(now, before.first_sent_at))
        return _work(payment, await store.save_refund(tx, before, sending))

    async def perform(self, work: RefundWork) -> LookUp:
        """Send the refund. Raises `RetryLater` while it is worth to try again at once."""
        answer = await self._send_or_find(work)
        if isinstance(answer, Unknown) and work.attempt < self._policy.tries:
            raise answer.again()
        return answer

    async def conclude(self, tx: Transaction, work: RefundWork, outcome: LookUp) -> None:
        """Let the provider's word take effect."""
        await self._settlement.refund(tx, work.request.refund_id, outcome)

    async def claim_check(self, tx: Transaction, refund_id: UUID) -> RefundWork | None:
        """Write that an open refund is about to be looked up; None when it is not open, or not due."""
        now = self._clock.now()
        pair = await store.lock_refund(tx, refund_id)
        if pair is None:
            return None
        payment, before = pair
        if not before.is_open or before.check_at is None or before.check_at > now:
            return None
        check_at = self._policy.check_at(now, before.first_sent_at)
        return _work(payment, await store.save_refund(tx, before, before.checking(check_at=check_at)))

    async def check(self, work: RefundWork) -> LookUp:
        """Find out what became of a refund; one that the provider has not is sent again: the guest is owed it."""
        found = await self._provider.look_up_refund(work.query)
        return await self._provider.refund(work.request) if isinstance(found, NotFound) else found

    async def _send_or_find(self, work: RefundWork) -> LookUp:
        now = self._clock.now()
        if not self._policy.key_trusted(work.first_sent_at, now, key_window_s=self._provider.key_window_s):
            return await self.check(work)
        answer = await self._provider.refund(work.request)
        if isinstance(answer, Unknown) and work.attempt > 1 and not answer.too_often:
            found = await self._provider.look_up_refund(work.query)
            if not isinstance(found, NotFound):
                return found
        return answer


def _work(payment: Payment, refund: Refund) -> RefundWork:
    if payment.provider_ref is None or refund.first_sent_at is None:
        raise AssertionError(f"Refund {refund.id} is of a payment that no provider has.")
    return RefundWork(
        request=RefundRequest(
            refund_id=refund.id,
            payment_id=payment.id,
            charge_ref=payment.provider_ref,
            amount=refund.amount,
            currency=payment.currency,
        ),
        attempt=refund.attempts,
        first_sent_at=refund.first_sent_at,
    )

"""Charging an order, once: the row, then the call, then the word.

The lane calls `claim`, `perform` and `conclude`; reconciliation calls `claim_check`, `check` and `conclude`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.payments import store
from comanda.contexts.payments.payment import Payment
from comanda.contexts.payments.policy import Policy
from comanda.contexts.payments.providers import (
    Answer,
    ChargeQuery,
    ChargeRequest,
    LookUp,
    NotFound,
    PaymentProvider,
    Unknown,
)
from comanda.contexts.payments.service import Settlement
from comanda.contracts.ordering import OrderPlaced
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.ids import Ids
from comanda.engine.tracing import trace_of


class ChargeWork(msgspec.Struct, frozen=True, kw_only=True):
    """A charge that is about to be sent, or to be looked up: the payment as it was claimed."""

    payment: Payment
    first_sent_at: datetime

    @property
    def payment_id(self) -> UUID:
        """Our row, and the provider's key."""
        return self.payment.id

    @property
    def request(self) -> ChargeRequest:
        """What is asked of the provider."""
        return ChargeRequest(
            payment_id=self.payment.id,
            order_id=self.payment.order_id,
            amount=self.payment.amount,
            currency=self.payment.currency,
            method=self.payment.method,
        )

    @property
    def query(self) -> ChargeQuery:
        """How to look for it."""
        return ChargeQuery(
            payment_id=self.payment.id, charge_ref=self.payment.provider_ref, first_sent_at=self.first_sent_at
        )


class Charging:
    """Charges orders through a provider."""

    def __init__(
        self, provider: PaymentProvider, settlement: Settlement, clock: Clock, ids: Ids, policy: Policy
    ) -> None:
        self._provider = provider
        self._settlement = settlement
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def claim(self, tx: Transaction, event: OrderPlaced) -> ChargeWork | None:
        """Write that the order's charge is about to be sent. None when there is nothing to send, or not any more."""
        now = self._clock.now()
        fresh = self._payment(event, now)
        sending = fresh.sending(now=now, check_at=self._policy.check_at(now, None)) if fresh.amount else None
        if await store.insert_payment(tx, sending or fresh):
            if sending is None:
                saved = await store.lock_payment(tx, fresh.id)
                if saved is not None:
                    await self._settlement.moved(tx, saved, saved.free(now=now))
            return _work(sending)
        before = await store.lock_payment_of_order(tx, event.order_id)
        if before is None or not (before.is_open or before.state == "pending"):
            return None
        check_at = self._policy.check_at(now, before.first_sent_at)
        if before.order_ended or not self._sendable(before.first_sent_at or now):
            # Whether money moved must be known first, and too soon after a call a look-up cannot tell.
            await store.save_payment(
                tx, before, before.left_to_reconciliation(reason=before.reason or "not_sent_again", check_at=check_at)
            )
            return None
        return _work(await store.save_payment(tx, before, before.sending(now=now, check_at=check_at)))

    async def claim_all(self, tx: Transaction, events: Sequence[OrderPlaced]) -> list[ChargeWork | None]:
        """As `claim`, for many orders: one statement for all that are new. What is not new is claimed by itself."""
        now = self._clock.now()
        check_at = self._policy.check_at(now, None)
        sending = {
            event.order_id: self._payment(event, now).sending(now=now, check_at=check_at)
            for event in events
            if event.order.quote.total
        }
        new = await store.insert_payments(tx, list(sending.values()))
        works: list[ChargeWork | None] = []
        for event in events:
            payment = sending.get(event.order_id)
            is_new = payment is not None and payment.id in new
            works.append(_work(payment) if is_new else await self.claim(tx, event))
        return works

    def _payment(self, event: OrderPlaced, now: datetime) -> Payment:
        return Payment(
            id=self._ids.new(),
            order_id=event.order_id,
            restaurant_id=event.restaurant_id,
            amount=event.order.quote.total,
            currency=event.order.quote.currency,
            method=event.order.payment_method,
            state="pending",
            provider=self._provider.name,
            created_at=now,
            trace=trace_of(event.key),
        )

    async def perform(self, work: ChargeWork) -> LookUp:
        """Send the charge. Raises `RetryLater` while it is worth to try again, within the key's window.

        A worker that was paused between the claim and this call may find the key too old; then nothing is sent.
        """
        if not self._sendable(work.first_sent_at):
            return Unknown(reason="not_sent_again")
        answer: Answer = await self._provider.charge(work.request)
        if not isinstance(answer, Unknown):
            return answer
        if work.payment.attempts > 1 and not answer.too_often:
            # Some providers repeat a stored 5xx for a key (Stripe does); what they did is told by a look-up.
            found = await self._provider.look_up_charge(work.query)
            if not isinstance(found, Unknown | NotFound):
                return found
        if work.payment.attempts < self._policy.tries:
            raise answer.again()
        return answer

    async def conclude(self, tx: Transaction, work: ChargeWork, outcome: LookUp) -> None:
        """Let the provider's word take effect."""
        await self._settlement.charge(tx, work.payment_id, outcome)

    async def conclude_all(self, tx: Transaction, done: Sequence[tuple[ChargeWork, LookUp]]) -> None:
        """As `conclude`, for many."""
        await self._settlement.charges(tx, [(work.payment, outcome) for work, outcome in done])

    async def claim_check(self, tx: Transaction, payment_id: UUID) -> ChargeWork | None:
        """Write that an open payment is about to be looked up; None when it is not open, or not due."""
        now = self._clock.now()
        before = await store.lock_payment(tx, payment_id)
        if before is None or not before.is_open or before.check_at is None or before.check_at > now:
            return None
        check_at = self._policy.check_at(now, before.first_sent_at)
        return _work(await store.save_payment(tx, before, before.checking(check_at=check_at)))

    async def check(self, work: ChargeWork) -> LookUp:
        """Find out what became of a charge. One that the provider has not is sent again while that makes sense."""
        found = await self._provider.look_up_charge(work.query)
        if not isinstance(found, NotFound) or work.payment.order_ended or not self._sendable(work.first_sent_at):
            return found
        return await self._provider.charge(work.request)

    def _sendable(self, first_sent_at: datetime) -> bool:
        return self._policy.charge_sendable(first_sent_at, self._clock.now(), key_window_s=self._provider.key_window_s)


def _work(payment: Payment | None) -> ChargeWork | None:
    if payment is None or payment.first_sent_at is None:
        return None
    return ChargeWork(payment=payment, first_sent_at=payment.first_sent_at)

"""What can be asked of payments, in a transaction that the caller opened.

`Settlement` is the one place where a payment or a refund moves, whoever brings the provider's word: the lane that
called, a webhook, or a look-up. It locks the row, asks the pure table what the word changes, and emits the fact in the
same transaction; whoever comes second finds nothing to change. So each fact is emitted once.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import structlog
from msgspec.structs import replace

from comanda.contexts.payments import store
from comanda.contexts.payments.errors import Contradiction
from comanda.contexts.payments.payment import Payment
from comanda.contexts.payments.policy import Policy
from comanda.contexts.payments.providers import Failed, LookUp, WebhookEvent
from comanda.contexts.payments.refund import Refund
from comanda.contexts.payments.states import DISOWNED
from comanda.contracts.ordering import RefundRequested
from comanda.contracts.payments import PaymentCaptured, PaymentFailed, PaymentRefunded, RefundDue, RefundFailed
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.errors import DeadLetter, RetryLater
from comanda.engine.events import Event, EventLog
from comanda.engine.ids import Ids
from comanda.engine.tracing import continued, trace_of

log = structlog.get_logger(__name__)

Effect = Literal["moved", "nothing", "unknown_subject"]

NO_CURRENCY = "XXX"
"""ISO 4217 for a transaction without a currency: the payment of an order that ended before we heard of it."""


class Settlement:
    """Moves payments and refunds by the provider's word, and starts refunds.

    Args:
        provider: the provider's name, written into the payments that are made here.
    """

    def __init__(self, events: EventLog, clock: Clock, ids: Ids, policy: Policy, *, provider: str) -> None:
        self._events = events
        self._clock = clock
        self._ids = ids
        self._policy = policy
        self._provider = provider

    async def charge(self, tx: Transaction, payment_id: UUID, answer: LookUp) -> Effect:
        """Let the provider's word about a charge take effect. Raises `Contradiction`."""
        before = await store.lock_payment(tx, payment_id)
        if before is None:
            return "unknown_subject"
        after = before.after(answer, check_at=self._policy.check_at(self._clock.now(), before.first_sent_at))
        if after is before:
            if after.state == "captured" and isinstance(answer, Failed):
                log.error("a captured payment was called failed", payment=str(payment_id), answer=answer)
            return "nothing"
        with continued(before.trace or trace_of(str(before.order_id))):
            await self.moved(tx, before, after)
        return "moved"

    async def charges(self, tx: Transaction, words: Sequence[tuple[Payment, LookUp]]) -> None:
        """As `charge`, for payments that the caller has claimed: two statements for all that are as they were made.

        Whatever touches an open payment (another claim, a webhook, the order's end, a refund asked for) raises its
        version; such a payment is settled by itself.
        """
        check_at = self._policy.check_at(self._clock.now(), None)
        moves = {
            claimed.id: (claimed, claimed.after(answer, check_at=check_at))
            for claimed, answer in words
            if claimed.version == 1
        }
        saved = await store.save_unchanged(tx, [after for _, after in moves.values()])
        await self._events.emit_all(tx, [fact for one in saved for fact in self._facts(*moves[one])])
        for claimed, answer in words:
            if claimed.id not in saved:
                await self.charge(tx, claimed.id, answer)

    async def moved(self, tx: Transaction, before: Payment, after: Payment) -> Payment:
        """Save a payment's move, emit its fact, and start or refuse the refunds that waited for it."""
        facts: list[Event] = []
        if after.state != before.state:
            facts += self._facts(before, after)
        if after.state == "captured":
            after = await self._start_refunds(tx, after, facts)
        elif after.state in DISOWNED:
            for refund in await store.waiting_refunds(tx, after.id):
                await self._refuse(tx, after, refund, "nothing_was_charged", facts)
        saved = await store.save_payment(tx, before, after)
        await self._events.emit(tx, *facts)
        return saved

    def _facts(self, before: Payment, after: Payment) -> list[Event]:
        if after.state == "captured" and before.state in DISOWNED:
            log.error("money moved for a payment that was over; it is given back", payment=str(after.id))
        elif after.state == "captured":
            return [captured(after)]
        elif after.state == "failed":
            return [PaymentFailed(order_id=after.order_id, payment_id=after.id, reason=after.reason)]
        return []

    async def order_ended(self, tx: Transaction, order_id: UUID, restaurant_id: UUID) -> None:
        """Give back what the order paid; now, or when it is known. What was not sent yet never will be."""
        before = await store.lock_payment_of_order(tx, order_id)
        if before is None:
            # The charge's lane is behind: what it finds here tells it not to charge.
            grave = self._new_payment(order_id, restaurant_id).ended()
            if await store.insert_payment(tx, grave):
                return
            before = await store.lock_payment_of_order(tx, order_id)
            if before is None:
                raise AssertionError(f"The payment of order {order_id} is there and is not.")
        after = before.ended()
        if after is not before:
            await self.moved(tx, before, after)

    def _new_payment(self, order_id: UUID, restaurant_id: UUID) -> Payment:
        return Payment(
            id=self._ids.new(),
            order_id=order_id,
            restaurant_id=restaurant_id,
            amount=0,
            currency=NO_CURRENCY,
            method="",
            state="pending",
            provider=self._provider,
            created_at=self._clock.now(),
        )

    async def refund_requested(self, tx: Transaction, event: RefundRequested) -> None:
        """Write down the refund that staff asked for, once, and start it when what was captured covers it."""
        if event.amount <= 0:
            raise DeadLetter(f"Refund {event.refund_id} asks for {event.amount} minor units.")
        before = await store.lock_payment_of_order(tx, event.order_id)
        if before is None:
            raise RetryLater("The order has no payment yet.")
        refund = Refund(
            id=event.refund_id,
            payment_id=before.id,
            amount=event.amount,
            cause="asked",
            state="waiting",
            reason=event.reason,
            created_at=self._clock.now(),
            trace=trace_of(event.key),
        )
        if not await store.insert_refund(tx, refund):
            return
        if before.state == "captured" or before.state in DISOWNED:
            await self.moved(tx, before, before)
        else:
            # Raises the version: who settles the payment has to look for what waits for it.
            await store.save_payment(tx, before, replace(before))

    async def _start_refunds(self, tx: Transaction, payment: Payment, facts: list[Event]) -> Payment:
        """Set aside the amounts of the refunds that wait, and of the whole rest when the order has ended."""
        for refund in await store.waiting_refunds(tx, payment.id):
            if refund.amount <= payment.refundable:
                payment = await self._set_aside(tx, payment, refund, facts)
            else:
                await self._refuse(tx, payment, refund, "more_than_was_captured", facts)
        if payment.order_ended and payment.refundable > 0:
            refund = Refund(
                id=self._ids.new(),
                payment_id=payment.id,
                amount=payment.refundable,
                cause="ended",
                state="waiting",
                reason="order_ended",
                created_at=self._clock.now(),
                trace=trace_of(str(payment.order_id)),
            )
            if await store.insert_refund(tx, refund):
                payment = await self._set_aside(tx, payment, refund, facts)
        return payment

    async def _set_aside(self, tx: Transaction, payment: Payment, refund: Refund, facts: list[Event]) -> Payment:
        await store.save_refund(tx, refund, refund.due())
        facts.append(RefundDue(order_id=payment.order_id, payment_id=payment.id, refund_id=refund.id))
        return payment.reserve(refund.amount)

    async def _refuse(
        self, tx: Transaction, payment: Payment, refund: Refund, failure: str, facts: list[Event]
    ) -> None:
        await store.save_refund(tx, refund, refund.refused(failure))
        facts.append(_refund_failed(payment, refund, failure))

    async def refund(self, tx: Transaction, refund_id: UUID, answer: LookUp) -> Effect:
        """Let the provider's word about a refund take effect. Raises `Contradiction`."""
        pair = await store.lock_refund(tx, refund_id)
        if pair is None:
            return "unknown_subject"
        payment, before = pair
        after = before.after(answer, check_at=self._policy.check_at(self._clock.now(), before.first_sent_at))
        if after is before:
            return "nothing"
        await store.save_refund(tx, before, after)
        with continued(before.trace or trace_of(str(payment.order_id))):
            await self._refund_moved(tx, payment, before, after)
        return "moved"

    async def _refund_moved(self, tx: Transaction, payment: Payment, before: Refund, after: Refund) -> None:
        if after.state == "succeeded":
            saved = await store.save_payment(tx, payment, payment.gave_back(after.amount))
            await self._events.emit(tx, _refunded(saved, after))
        elif after.state == "failed":
            less = payment.came_back if before.state == "succeeded" else payment.kept
            saved = await store.save_payment(tx, payment, less(after.amount))
            await self._events.emit(tx, _refund_failed(saved, after, after.failure))

    async def webhook(self, tx: Transaction, event: WebhookEvent) -> Effect | Literal["seen", "contradiction"]:
        """Let a verified webhook take effect, once: its id is written in the transaction of its effect."""
        fresh = await store.receive_webhook(
            tx, self._provider, event.id, kind=event.kind, subject=event.subject, now=self._clock.now()
        )
        if not fresh:
            return "seen"
        settle = self.charge if event.kind == "charge" else self.refund
        effect: Effect | Literal["contradiction"]
        try:
            effect = await settle(tx, event.subject, event.answer)
        except Contradiction as error:
            # Delivering it again would not help; it stands in the table, and the audit lists it.
            log.exception("a webhook contradicts what is known", webhook=event.id, error=str(error))
            effect = "contradiction"
        await store.note_effect(tx, self._provider, event.id, effect)
        return effect


def captured(payment: Payment) -> PaymentCaptured:
    """Return the fact that a payment was captured."""
    if payment.captured_at is None:
        raise ValueError(f"Payment {payment.id} is not captured.")
    return PaymentCaptured(
        order_id=payment.order_id,
        payment_id=payment.id,
        amount=payment.captured,
        currency=payment.currency,
        captured_at=payment.captured_at,
    )


def _refunded(payment: Payment, refund: Refund) -> PaymentRefunded:
    return PaymentRefunded(
        order_id=payment.order_id,
        payment_id=payment.id,
        refund_id=refund.id,
        amount=refund.amount,
        refunded_in_all=payment.refunded,
        captured=payment.captured,
        currency=payment.currency,
    )


def _refund_failed(payment: Payment, refund: Refund, reason: str) -> RefundFailed:
    return RefundFailed(
        order_id=payment.order_id, payment_id=payment.id, refund_id=refund.id, amount=refund.amount, reason=reason
    )

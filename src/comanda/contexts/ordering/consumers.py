"""How ordering follows what payments, the kitchen and the receipts have done."""

from collections.abc import Sequence
from typing import assert_never

from comanda.contexts.ordering import store
from comanda.contexts.ordering.life import Life
from comanda.contracts.kitchen import TicketMoved, TicketOpened
from comanda.contracts.payments import PaymentCaptured, PaymentFailed, PaymentRefunded
from comanda.contracts.receipts import ReceiptSent
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.lanes import Consumer, consumer


class Followers:
    """Ordering's handlers; each moves the order or adds to its timeline."""

    def __init__(self, life: Life, clock: Clock) -> None:
        self._life = life
        self._clock = clock

    def consumers(self) -> Sequence[Consumer]:
        """Return the consumers that these handlers make."""
        return (
            consumer("ordering.payments", [PaymentCaptured, PaymentFailed, PaymentRefunded])(self.follow_payment),
            consumer("ordering.kitchen", [TicketOpened, TicketMoved])(self.follow_kitchen),
            consumer("ordering.receipts", [ReceiptSent])(self.follow_receipt),
        )

    async def follow_payment(self, tx: Transaction, event: PaymentCaptured | PaymentFailed | PaymentRefunded) -> None:
        """An order is paid, or not, or given back, when the provider has said so."""
        reference = str(event.payment_id)
        match event:
            case PaymentCaptured():
                moved = await self._life.move(tx, event.order_id, "paid", at=event.captured_at, reference=reference)
                if moved is None:
                    # It ended while it was being charged; payments gives the money back. The proof shows the charge.
                    await store.tell(tx, event.order_id, "paid", reference, event.captured_at)
            case PaymentFailed():
                now = self._clock.now()
                await self._life.move(
                    tx, event.order_id, "payment_failed", at=now, reason=event.reason, reference=reference
                )
            case PaymentRefunded():
                await self._follow_refund(tx, event)
            case _:
                assert_never(event)

    async def _follow_refund(self, tx: Transaction, event: PaymentRefunded) -> None:
        now = self._clock.now()
        found = await store.locked(tx, event.order_id)
        if found is None:
            return
        await store.refund_done(tx, event.refund_id)
        await store.set_refunded(tx, found, event.refunded_in_all)
        detail: dict[str, object] = {"amount": event.amount}
        await store.tell(tx, event.order_id, "refund_done", str(event.refund_id), now, detail=detail)
        # An order that ended keeps the name of its end; one that went well and was given back whole is refunded.
        if event.refunded_in_all >= event.captured and found.status not in {"cancelled", "rejected"}:
            await self._life.move(tx, event.order_id, "refunded", at=now, reference=str(event.refund_id))

    async def follow_kitchen(self, tx: Transaction, event: TicketOpened | TicketMoved) -> None:
        """The order goes where its ticket went."""
        now = self._clock.now()
        match event:
            case TicketOpened():
                await store.tell(tx, event.order_id, "ticket_opened", str(event.ticket_id), now)
            case TicketMoved():
                await self._life.move(tx, event.order_id, event.status, at=now, reason=event.reason)
            case _:
                assert_never(event)

    async def follow_receipt(self, tx: Transaction, event: ReceiptSent) -> None:
        """The receipt belongs into the timeline."""
        await store.tell(tx, event.order_id, "receipt_sent", str(event.receipt_id), event.sent_at)

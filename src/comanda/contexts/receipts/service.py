"""Sending the receipt of a paid order, once.

Claim writes the row (one per order, held by UNIQUE) and says which machine's journal will know of the mail. Perform
renders, stores HTML and text as files, and hands the mail to the courier, which looks into its journal before each
send and writes into it after the server's 250, before conclude commits. The Message-ID is made of the row's id, so that
every try of a receipt is the same mail to whoever gets it.

SMTP has no idempotency key, so a mail whose answer was lost is uncertain. The courier's policy decides then; for
receipts it is `at_least_once` unless set otherwise: a guest with two copies of one receipt can see that they are one
(same Message-ID, same order number), a guest with none cannot tell whether the order went through. The row counts as
`doubtful` each send that was made without knowing.
"""

import asyncio
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.receipts import store
from comanda.contexts.receipts.rendering import ReceiptRenderer, RenderedReceipt, one_line
from comanda.contexts.receipts.states import FAILED, SENT, UNCERTAIN, ReceiptState
from comanda.contexts.receipts.store import ClaimedReceipt, ReceiptStatus
from comanda.contracts.ordering import OrderPaid
from comanda.contracts.receipts import ReceiptSent
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import RetryLater, SlowDown
from comanda.engine.events import EventLog
from comanda.engine.files import FileStore
from comanda.engine.ids import Ids
from comanda.mail import BadMessage, Courier, MailAddress, MailMessage, PermanentFailure, TemporaryFailure, Uncertain


class SentReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one try."""

    state: ReceiptState
    answer: str
    at: datetime
    html_file: str
    text_file: str
    doubtful: bool = False


class Receipts:
    """Sends receipts.

    Args:
        sender: from whom they are; the restaurant's name is shown beside this address.
    """

    def __init__(
        self,
        *,
        database: Database,
        events: EventLog,
        courier: Courier,
        files: FileStore,
        renderer: ReceiptRenderer,
        sender: MailAddress,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._events = events
        self._courier = courier
        self._files = files
        self._renderer = renderer
        self._sender = sender
        self._clock = clock
        self._ids = ids

    async def claim(self, tx: Transaction, event: OrderPaid) -> ClaimedReceipt | None:
        """Write that the order's receipt is about to be sent; None when nothing is left to do."""
        await self._courier.start()
        receipt_id = self._ids.new()
        return await store.claim(
            tx,
            receipt_id=receipt_id,
            message_id=f"<receipt-{receipt_id}@{self._sender.domain}>",
            order=event.order,
            paid_at=event.paid_at,
            journal_id=self._courier.journal_id,
            now=self._clock.now(),
        )

    async def perform(self, receipt: ClaimedReceipt) -> SentReceipt:
        """Render, store and send. Raises `RetryLater` when it may be sent later, and `Unavailable`."""
        rendered = self._renderer.render(receipt.order, receipt.paid_at)
        html_file, text_file = await self._store(receipt, rendered)
        state, answer, doubtful = await self._send(receipt, rendered)
        return SentReceipt(
            state=state,
            answer=answer,
            at=self._clock.now(),
            html_file=html_file,
            text_file=text_file,
            doubtful=doubtful,
        )

    async def conclude(self, tx: Transaction, receipt: ClaimedReceipt, sent: SentReceipt) -> None:
        """Write what came of it, and tell it when the mail was accepted."""
        written = await store.conclude(
            tx,
            receipt.id,
            state=sent.state,
            answer=sent.answer.replace("\0", ""),
            html_file=sent.html_file,
            text_file=sent.text_file,
            doubtful=sent.doubtful,
            at=sent.at,
        )
        if written and sent.state == SENT:
            order_id, message_id = receipt.order.id, receipt.message_id
            told = ReceiptSent(order_id=order_id, receipt_id=receipt.id, message_id=message_id, sent_at=sent.at)
            await self._events.emit(tx, told)

    async def of_order(self, order_id: UUID) -> ReceiptStatus | None:
        """Return what became of an order's receipt; None when there is none yet."""
        return await store.of_order(self._database, order_id)

    async def _store(self, receipt: ClaimedReceipt, rendered: RenderedReceipt) -> tuple[str, str]:
        folder = f"receipts/{receipt.order.restaurant_id}/{receipt.paid_at:%Y/%m}"
        html_file, text_file = f"{folder}/{receipt.id}.html", f"{folder}/{receipt.id}.txt"
        await asyncio.gather(
            self._files.put(html_file, rendered.html.encode()), self._files.put(text_file, rendered.text.encode())
        )
        return html_file, text_file

    async def _send(self, receipt: ClaimedReceipt, rendered: RenderedReceipt) -> tuple[ReceiptState, str, bool]:
        try:
            accepted = await self._courier.send(self._mail(receipt, rendered), claimed_in=receipt.claimed_in)
        except TemporaryFailure as error:
            # An answer is SMTP's way to say "slow down"; without one it is not known what the matter is.
            again = RetryLater if error.code is None else SlowDown
            raise again(str(error), after_s=error.after_s) from error
        except (PermanentFailure, BadMessage) as error:
            return FAILED, str(error), False
        except Uncertain as error:
            if self._courier.policy == "at_least_once":
                raise RetryLater(str(error)) from error
            return UNCERTAIN, str(error), False
        return SENT, accepted.answer, accepted.in_doubt

    def _mail(self, receipt: ClaimedReceipt, rendered: RenderedReceipt) -> MailMessage:
        order = receipt.order
        return MailMessage(
            sender=MailAddress(self._sender.email, one_line(order.restaurant_name) or self._sender.name),
            to=(MailAddress(receipt.recipient, one_line(order.guest.name)),),
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id=receipt.message_id,
            date=self._clock.now(),
            # Asks mail servers not to answer with "I am on holiday" (RFC 3834).
            headers={"Auto-Submitted": "auto-generated"},
        )

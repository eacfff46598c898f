"""The SQL of receipts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.receipts.states import ReceiptState
from comanda.contracts.ordering import OrderDocument
from comanda.engine.database import Database, Transaction

CLAIM = """
INSERT INTO receipts.receipts AS receipt
    (id, order_id, restaurant_id, order_number, recipient, message_id, document, claimed_in, paid_at,
     created_at, claimed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, ARRAY[$8], $9, $10, $10)
ON CONFLICT (order_id) DO UPDATE
SET attempts = receipt.attempts + 1,
    claimed_at = excluded.claimed_at,
    claimed_in = CASE WHEN $8 = ANY (receipt.claimed_in) THEN receipt.claimed_in ELSE receipt.claimed_in || $8 END
WHERE receipt.state = 'sending'
RETURNING receipt.id, receipt.message_id, receipt.recipient, receipt.document, receipt.claimed_in, receipt.paid_at
"""

CONCLUDE = """
UPDATE receipts.receipts
SET state = $2, answer = $3, html_file = $4, text_file = $5, doubtful = doubtful + $6,
    sent_at = CASE WHEN $2 = 'sent' THEN $7::timestamptz END
WHERE id = $1 AND state = 'sending'
"""

OF_ORDER = """
SELECT id, order_id, message_id, recipient, state, attempts, doubtful, answer, html_file, created_at, sent_at
FROM receipts.receipts WHERE order_id = $1
"""

OPEN = """
SELECT id, order_id, message_id, recipient, state, attempts, doubtful, answer, html_file, created_at, sent_at
FROM receipts.receipts WHERE state IN ('sending', 'uncertain') ORDER BY claimed_at LIMIT $1
"""


PERSONAL = """
SELECT id, document::text AS document, html_file, text_file FROM receipts.receipts WHERE order_id = ANY($1) ORDER BY id
"""

ANONYMOUS = "UPDATE receipts.receipts SET recipient = '', document = $2::text::jsonb WHERE id = $1"


class Personal(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt's row and files say of a person."""

    id: UUID
    document: str
    html_file: str | None
    text_file: str | None


class ClaimedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that is about to be sent.

    Attributes:
        claimed_in: the journals of all who were about to send it, this one included.
    """

    id: UUID
    message_id: str
    recipient: str
    order: OrderDocument
    claimed_in: frozenset[str]
    paid_at: datetime


class ReceiptStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a receipt; the fields are the row's, see `model.Receipt`."""

    id: UUID
    order_id: UUID
    message_id: str
    recipient: str
    state: ReceiptState
    attempts: int
    doubtful: int
    answer: str
    html_file: str | None
    created_at: datetime
    sent_at: datetime | None


async def claim(
    tx: Transaction,
    *,
    receipt_id: UUID,
    message_id: str,
    order: OrderDocument,
    paid_at: datetime,
    journal_id: str,
    now: datetime,
) -> ClaimedReceipt | None:
    """Write down that the receipt of an order is about to be sent; None when it is sent, failed or uncertain."""
    row = await tx.fetch_row(
        CLAIM,
        receipt_id,
        order.id,
        order.restaurant_id,
        order.number,
        order.guest.email,
        message_id,
        msgspec.json.encode(order).decode(),
        journal_id,
        paid_at,
        now,
    )
    if row is None:
        return None
    return ClaimedReceipt(
        id=row["id"],
        message_id=row["message_id"],
        recipient=row["recipient"],
        order=msgspec.json.decode(row["document"], type=OrderDocument),
        claimed_in=frozenset(row["claimed_in"]),
        paid_at=row["paid_at"],
    )


async def conclude(
    tx: Transaction,
    receipt_id: UUID,
    *,
    state: ReceiptState,
    answer: str,
    html_file: str | None,
    text_file: str | None,
    doubtful: bool,
    at: datetime,
) -> bool:
    """Write what came of a receipt; return False when that had been written before."""
    arguments = (receipt_id, state, answer, html_file, text_file, int(doubtful), at)
    return await tx.execute(CONCLUDE, *arguments) == 1


async def of_order(database: Database, order_id: UUID) -> ReceiptStatus | None:
    """Return what became of an order's receipt; None when the order has none yet."""
    row = await database.fetch_row(OF_ORDER, order_id)
    return None if row is None else ReceiptStatus(**row)


async def open_receipts(database: Database, limit: int) -> Sequence[ReceiptStatus]:
    """Return receipts that are being sent or uncertain, the oldest claim first."""
    return [ReceiptStatus(**row) for row in await database.fetch(OPEN, limit)]


async def personal(tx: Transaction, order_ids: Sequence[UUID]) -> list[Personal]:
    """Return what the receipts of these orders say of a person."""
    return [Personal(**row) for row in await tx.fetch(PERSONAL, list(order_ids))]


async def make_anonymous(tx: Transaction, receipt_id: UUID, document: str) -> None:
    """Write a receipt's row anew, without anybody's name in it."""
    await tx.execute(ANONYMOUS, receipt_id, document)

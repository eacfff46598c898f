"""Receipts: one for each paid order, sent once."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

PAID = "SELECT count(*) FROM ordering.orders WHERE paid_at IS NOT NULL"
SENT = "SELECT count(*) FROM receipts.receipts WHERE state = 'sent'"

WRONG_RECEIPTS = """
SELECT o.id AS subject, format('Order %s is paid and has no receipt.', o.number) AS message
FROM ordering.orders o LEFT JOIN receipts.receipts r ON r.order_id = o.id
WHERE o.paid_at <= $1 AND r.id IS NULL
UNION ALL
SELECT r.order_id, format('Order %s has %s receipts.', min(r.order_number), count(*))
FROM receipts.receipts r GROUP BY r.order_id HAVING count(*) > 1
UNION ALL
SELECT r.order_id, format('Order %s has a receipt and is not there, or not paid.', r.order_number)
FROM receipts.receipts r LEFT JOIN ordering.orders o ON o.id = r.order_id AND o.paid_at IS NOT NULL
WHERE o.id IS NULL
"""

WRONG_COPIES = """
SELECT r.order_id::text AS subject,
       CASE WHEN m.copies IS NULL
            THEN format('The receipt of order %s was sent, and has not arrived in the mailbox.', r.order_number)
            ELSE format('The receipt of order %s has arrived %s times.', r.order_number, m.copies) END AS message
FROM receipts.receipts r LEFT JOIN mails m ON m.message_id = r.message_id
WHERE (r.state = 'sent' AND m.copies IS NULL AND r.sent_at <= $1) OR m.copies > 1
UNION ALL
SELECT m.message_id, 'This receipt has arrived in the mailbox, and no order has it.'
FROM mails m LEFT JOIN receipts.receipts r ON r.message_id = m.message_id WHERE r.id IS NULL
"""

WRONG_DOUBTS = """
SELECT order_id AS subject,
       format('The receipt of order %s was sent again %s times without knowing whether it had arrived.', order_number,
              doubtful) AS message
FROM receipts.receipts WHERE doubtful > 0
"""


async def one_receipt_per_paid_order(evidence: Evidence) -> Checked:
    """A paid order has exactly one receipt, and no other order has any."""
    says = "A paid order has exactly one receipt, and no other order has one."
    return await evidence.hold(
        "receipts.one-per-paid-order", says, of=PAID, wrong=WRONG_RECEIPTS, arguments=[evidence.settled_before]
    )


async def receipt_arrived_once(evidence: Evidence) -> Checked:
    """The mailbox, where it is ours, has each receipt once. Elsewhere, what was sent in doubt is listed."""
    name = "receipts.sent-once"
    if not evidence.has_mails:
        says = "No receipt was sent again in doubt (what has arrived is not ours to see)."
        return await evidence.hold(name, says, of=SENT, wrong=WRONG_DOUBTS)
    says = "Each receipt that was sent is in the mailbox once, by its Message-ID."
    return await evidence.hold(name, says, of=SENT, wrong=WRONG_COPIES, arguments=[evidence.read_at])

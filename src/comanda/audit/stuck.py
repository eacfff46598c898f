"""What is stuck: rows that should have come to an end within the age, and have not."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

ORDERS = "SELECT count(*) FROM ordering.orders"
PAYMENTS = "SELECT count(*) FROM payments.payments"
REFUNDS = "SELECT count(*) FROM payments.refunds"
RECEIPTS = "SELECT count(*) FROM receipts.receipts"

UNPAID = """
SELECT id AS subject, format('Order %s is neither paid nor failed since %s.', number, date_trunc('second', placed_at))
    AS message
FROM ordering.orders WHERE status = 'placed' AND placed_at <= $1
"""

OPEN_PAYMENTS = """
SELECT order_id AS subject,
       format('The payment of this order is %s since %s, after %s calls%s.', state, date_trunc('second', created_at),
              attempts, CASE reason WHEN '' THEN '' ELSE ': ' || reason END) AS message
FROM payments.payments WHERE state IN ('pending', 'sending', 'uncertain') AND created_at <= $1
"""

OPEN_REFUNDS = """
SELECT p.order_id AS subject,
       format('A refund of %s for this order is %s since %s, after %s calls%s.', r.amount, r.state,
              date_trunc('second', r.created_at), r.attempts,
              CASE r.failure WHEN '' THEN '' ELSE ': ' || r.failure END) AS message
FROM payments.refunds r JOIN payments.payments p ON p.id = r.payment_id
WHERE r.state IN ('waiting', 'due', 'sending', 'uncertain') AND r.created_at <= $1
UNION ALL
SELECT r.order_id, format('Staff asked for %s to be given back, and payments have not heard of it.', r.amount)
FROM ordering.refunds r LEFT JOIN payments.refunds p ON p.id = r.id
WHERE r.requested_at <= $1 AND p.id IS NULL
"""

OPEN_RECEIPTS = """
SELECT order_id AS subject,
       format('The receipt of order %s is %s since %s, after %s tries.', order_number, state,
              date_trunc('second', created_at), attempts) AS message
FROM receipts.receipts WHERE state IN ('sending', 'uncertain') AND created_at <= $1
"""


async def no_unpaid_orders(evidence: Evidence) -> Checked:
    """An order is paid, or fails, within the age."""
    says = "No order is without a decided payment for longer than the age."
    return await evidence.hold("stuck.orders", says, of=ORDERS, wrong=UNPAID, arguments=[evidence.settled_before])


async def no_open_payments(evidence: Evidence) -> Checked:
    """A payment is known within the age."""
    says = "No payment is unsent or uncertain for longer than the age."
    return await evidence.hold(
        "stuck.payments", says, of=PAYMENTS, wrong=OPEN_PAYMENTS, arguments=[evidence.settled_before]
    )


async def no_open_refunds(evidence: Evidence) -> Checked:
    """A refund is known within the age."""
    says = "No refund is unsent or uncertain for longer than the age."
    return await evidence.hold(
        "stuck.refunds", says, of=REFUNDS, wrong=OPEN_REFUNDS, arguments=[evidence.settled_before]
    )


async def no_open_receipts(evidence: Evidence) -> Checked:
    """A receipt is sent within the age."""
    says = "No receipt is unsent or uncertain for longer than the age."
    return await evidence.hold(
        "stuck.receipts", says, of=RECEIPTS, wrong=OPEN_RECEIPTS, arguments=[evidence.settled_before]
    )

"""Refunds: what went back, by the provider's ledger, by our payments and by the orders."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

ALL = "SELECT count(*) FROM payments.refunds"
ENDED = "SELECT count(*) FROM payments.payments WHERE order_ended"

WRONG_LEDGER = """
SELECT l.ref AS subject, format('%s %s went back, and no refund of ours knows of it.', l.amount, l.currency) AS message
FROM ledger l LEFT JOIN payments.refunds r ON r.id = l.subject
WHERE l.kind = 'refund' AND l.state = 'succeeded' AND r.id IS NULL
UNION ALL
SELECT l.subject::text, format('A refund was made %s times at the provider.', count(*))
FROM ledger l WHERE l.kind = 'refund' AND l.state = 'succeeded' AND l.subject IS NOT NULL
GROUP BY l.subject HAVING count(*) > 1
UNION ALL
SELECT r.id::text, format('A refund of %s is done with us; at the provider it is %s.', r.amount,
                          coalesce(l.state || ' with ' || l.amount, 'unknown'))
FROM payments.refunds r LEFT JOIN ledger l ON l.subject = r.id AND l.kind = 'refund'
WHERE r.state = 'succeeded' AND r.created_at <= $1
AND (l.ref IS NULL OR l.state = 'failed' OR l.amount <> r.amount)
"""

WRONG_SUMS = """
SELECT p.order_id AS subject,
       format('The payment says that %s went back and %s is on its way; its refunds say %s and %s.', p.refunded,
              p.refunding, coalesce(r.refunded, 0), coalesce(r.refunding, 0)) AS message
FROM payments.payments p
LEFT JOIN (
    SELECT payment_id, sum(amount) FILTER (WHERE state = 'succeeded') AS refunded,
           sum(amount) FILTER (WHERE state IN ('due', 'sending', 'uncertain')) AS refunding
    FROM payments.refunds GROUP BY payment_id
) r ON r.payment_id = p.id
WHERE (p.refunded, p.refunding) IS DISTINCT FROM (coalesce(r.refunded, 0), coalesce(r.refunding, 0))
"""

WRONG_ENDED = """
SELECT o.id AS subject,
       format('Order %s is %s, and of %s charged only %s went back or is on its way.', o.number, o.status, p.captured,
              p.refunded + p.refunding) AS message
FROM payments.payments p JOIN ordering.orders o ON o.id = p.order_id
JOIN ordering.timeline t ON t.order_id = o.id AND t.what = o.status AND t.at <= $1
WHERE p.state = 'captured' AND p.captured_at <= $1 AND p.refunded + p.refunding < p.captured
AND o.status IN ('cancelled', 'rejected', 'payment_failed')
"""


async def refunds_match_ledger(evidence: Evidence) -> Checked:
    """Our refunds and the provider's are the same."""
    says = "Each refund went back once, for its amount, and the provider has no others."
    return await evidence.hold("refunds.match-ledger", says, of=ALL, wrong=WRONG_LEDGER, arguments=[evidence.read_at])


async def refunds_add_up(evidence: Evidence) -> Checked:
    """A payment's sums are its refunds'."""
    says = "What a payment gave back is the sum of its refunds."
    return await evidence.hold("refunds.add-up", says, of="SELECT count(*) FROM payments.payments", wrong=WRONG_SUMS)


async def ended_orders_are_refunded(evidence: Evidence) -> Checked:
    """What was charged for an order that came to nothing goes back."""
    says = "What was charged for an order that ended is given back."
    return await evidence.hold(
        "refunds.of-ended-orders", says, of=ENDED, wrong=WRONG_ENDED, arguments=[evidence.settled_before]
    )

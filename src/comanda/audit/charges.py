"""Charges: the provider's ledger beside our payments and the orders they are for."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

MOVED = "SELECT count(*) FROM ledger WHERE kind = 'charge' AND state = 'succeeded'"
PAYMENTS = "SELECT count(*) FROM payments.payments"
CAPTURED = f"{PAYMENTS} WHERE state = 'captured' AND amount > 0"
PAID = "SELECT count(*) FROM ordering.orders WHERE paid_at IS NOT NULL"

WRONG_TIMES = """
SELECT coalesce(o.id, p.order_id, l.subject) AS subject,
       format('Order %s was charged %s times: %s.', coalesce(o.number::text, 'unknown'), l.times, l.refs) AS message
FROM (
    SELECT subject, count(*) AS times, string_agg(ref, ', ' ORDER BY at) AS refs
    FROM ledger WHERE kind = 'charge' AND state = 'succeeded' AND subject IS NOT NULL
    GROUP BY subject HAVING count(*) > 1
) l
LEFT JOIN payments.payments p ON p.id = l.subject
LEFT JOIN ordering.orders o ON o.id = p.order_id
UNION ALL
SELECT order_id, format('This order has %s captured payments.', count(*))
FROM payments.payments WHERE state = 'captured' GROUP BY order_id HAVING count(*) > 1
"""

WRONG_OWNER = """
SELECT l.ref AS subject,
       CASE WHEN p.id IS NULL THEN format('%s %s were charged, and no payment of ours knows it.', l.amount, l.currency)
            ELSE format('%s %s were charged for an order that is not there.', l.amount, l.currency) END AS message
FROM ledger l
LEFT JOIN payments.payments p ON p.id = l.subject
LEFT JOIN ordering.orders o ON o.id = p.order_id
WHERE l.kind = 'charge' AND l.state = 'succeeded' AND o.id IS NULL
"""

WRONG_UNCHARGED = """
SELECT p.order_id AS subject,
       format('Order %s is captured with us for %s %s, and the provider has no such charge.', o.number, p.amount,
              p.currency) AS message
FROM payments.payments p LEFT JOIN ordering.orders o ON o.id = p.order_id
LEFT JOIN ledger l ON l.subject = p.id AND l.kind = 'charge' AND l.state = 'succeeded'
WHERE p.state = 'captured' AND p.amount > 0 AND p.captured_at <= $1 AND l.ref IS NULL
UNION ALL
SELECT o.id, format('Order %s is paid, and has no captured payment.', o.number)
FROM ordering.orders o LEFT JOIN payments.payments p ON p.order_id = o.id AND p.state = 'captured'
WHERE o.paid_at IS NOT NULL AND p.id IS NULL
"""

WRONG_AMOUNT = """
SELECT o.id AS subject,
       format('Order %s costs %s %s, its payment is of %s %s, and %s %s were charged.', o.number, o.total, o.currency,
              p.amount, p.currency, coalesce(l.amount, p.captured), coalesce(l.currency, p.currency)) AS message
FROM payments.payments p JOIN ordering.orders o ON o.id = p.order_id
LEFT JOIN ledger l ON l.subject = p.id AND l.kind = 'charge' AND l.state = 'succeeded'
WHERE (p.attempts > 0 OR p.state = 'captured') AND (
    (p.amount, p.currency) IS DISTINCT FROM (o.total, o.currency)
    OR (l.ref IS NOT NULL AND (l.amount, l.currency) IS DISTINCT FROM (o.total, o.currency))
)
"""

WRONG_UNHEARD = """
SELECT o.id AS subject,
       format('Order %s was charged %s %s, and its payment is still %s.', o.number, l.amount, l.currency, p.state)
           AS message
FROM ledger l JOIN payments.payments p ON p.id = l.subject JOIN ordering.orders o ON o.id = p.order_id
WHERE l.kind = 'charge' AND l.state = 'succeeded' AND p.state <> 'captured' AND l.at <= $1
UNION ALL
SELECT o.id, format('Order %s has a captured payment, and is %s.', o.number, o.status)
FROM payments.payments p JOIN ordering.orders o ON o.id = p.order_id
WHERE p.state = 'captured' AND o.paid_at IS NULL AND NOT p.order_ended AND p.captured_at <= $1
"""

CONTRADICTIONS = """
SELECT subject, format('The webhook %s of %s contradicted what was known.', event_id, provider) AS message
FROM payments.webhooks_received WHERE effect = 'contradiction'
"""


async def charged_once(evidence: Evidence) -> Checked:
    """An order has at most one successful charge."""
    says = "An order has at most one successful charge."
    return await evidence.hold("charges.once", says, of=MOVED, wrong=WRONG_TIMES)


async def charge_has_order(evidence: Evidence) -> Checked:
    """A successful charge is of one of our orders."""
    says = "Each successful charge is for an order of ours."
    return await evidence.hold("charges.have-orders", says, of=MOVED, wrong=WRONG_OWNER)


async def paid_order_has_charge(evidence: Evidence) -> Checked:
    """What we call captured or paid stands in the provider's ledger."""
    says = "Each paid order has a successful charge at the provider."
    return await evidence.hold(
        "charges.of-paid-orders", says, of=PAID, wrong=WRONG_UNCHARGED, arguments=[evidence.read_at]
    )


async def charged_amount_is_quote(evidence: Evidence) -> Checked:
    """What was charged is what the guest was quoted."""
    says = "What was charged is what the order costs."
    return await evidence.hold("charges.equal-quotes", says, of=CAPTURED, wrong=WRONG_AMOUNT)


async def charge_is_heard_of(evidence: Evidence) -> Checked:
    """Money that moved has reached its payment, and its payment the order."""
    says = "What was charged has reached its payment and its order."
    return await evidence.hold(
        "charges.are-known", says, of=MOVED, wrong=WRONG_UNHEARD, arguments=[evidence.settled_before]
    )


async def no_contradictions(evidence: Evidence) -> Checked:
    """No webhook said what cannot be."""
    says = "No webhook contradicts what is known."
    of = "SELECT count(*) FROM payments.webhooks_received"
    return await evidence.hold("charges.webhooks-agree", says, of=of, wrong=CONTRADICTIONS)

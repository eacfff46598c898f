"""Tickets: one on the kitchen's board for each paid order, that stands where its order stands."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

PAID = "SELECT count(*) FROM ordering.orders WHERE paid_at IS NOT NULL"
ALL = "SELECT count(*) FROM kitchen.tickets"

WRONG_TICKETS = """
SELECT o.id AS subject, format('Order %s is paid and has no ticket.', o.number) AS message
FROM ordering.orders o LEFT JOIN kitchen.tickets t ON t.order_id = o.id
WHERE o.paid_at <= $1 AND t.id IS NULL
UNION ALL
SELECT order_id, format('Order %s has %s tickets.', min(number), count(*))
FROM kitchen.tickets GROUP BY order_id HAVING count(*) > 1
UNION ALL
SELECT t.order_id, format('Order %s has a ticket and is not there, or not paid.', t.number)
FROM kitchen.tickets t LEFT JOIN ordering.orders o ON o.id = t.order_id AND o.paid_at IS NOT NULL
WHERE o.id IS NULL
"""

WRONG_STATUS = """
SELECT o.id AS subject, format('Order %s is %s, and its ticket is %s.', o.number, o.status, t.status) AS message
FROM kitchen.tickets t JOIN ordering.orders o ON o.id = t.order_id
WHERE t.moved_at <= $1 AND t.status <> CASE o.status WHEN 'paid' THEN 'waiting' ELSE o.status END
AND o.status IN ('paid', 'accepted', 'preparing', 'ready', 'on_its_way', 'completed', 'rejected')
"""


async def one_ticket_per_paid_order(evidence: Evidence) -> Checked:
    """A paid order stands on the board once."""
    says = "A paid order has exactly one ticket, and no other order has one."
    return await evidence.hold(
        "tickets.one-per-paid-order", says, of=PAID, wrong=WRONG_TICKETS, arguments=[evidence.settled_before]
    )


async def ticket_stands_with_order(evidence: Evidence) -> Checked:
    """The order has followed its ticket."""
    says = "An order stands where its ticket stands."
    return await evidence.hold(
        "tickets.stand-with-orders", says, of=ALL, wrong=WRONG_STATUS, arguments=[evidence.settled_before]
    )

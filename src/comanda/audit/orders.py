"""Orders: their lines, their key, and what the log says of them."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

ORDERS = "SELECT count(*) FROM ordering.orders"

LOGGED = """
    SELECT key, count(*) AS times, min(payload #>> '{order,quote,total}')::bigint AS total
    FROM engine.events WHERE name = '%s' GROUP BY key
"""
"""What the log says, by order. Days of the log may have been archived: orders from before its first are not asked."""

FIRST_DAY = "(SELECT date_trunc('day', min(at)) FROM engine.events)"

WRONG_LINES = """
SELECT o.id AS subject, format('Order %s has items for %s, and lines for %s.', o.number, o.items, l.total) AS message
FROM ordering.orders o
LEFT JOIN (SELECT order_id, sum(total) AS total FROM ordering.order_lines GROUP BY order_id) l ON l.order_id = o.id
WHERE l.total IS DISTINCT FROM o.items
"""

WRONG_KEYS = """
SELECT id AS subject, format('Order %s was made with the key of order %s.', number, before) AS message
FROM (
    SELECT id, number, placed_at, lag(number) OVER same AS before, lag(placed_at) OVER same AS before_at
    FROM ordering.orders WINDOW same AS (PARTITION BY idempotency_scope, idempotency_key ORDER BY placed_at, id)
) o
WHERE before IS NOT NULL AND placed_at < before_at + $1::interval
"""

WRONG_ATTEMPTS = """
SELECT o.id AS subject,
       format('Order %s was made by %s requests in the record of attempts.', o.number, coalesce(a.times, 0)) AS message
FROM ordering.orders o
LEFT JOIN (
    SELECT order_id, count(*) AS times FROM ordering.attempts WHERE outcome = 'placed' GROUP BY order_id
) a ON a.order_id = o.id
WHERE a.times IS DISTINCT FROM 1
UNION ALL
SELECT a.order_id, 'A request made this order, which is not there.'
FROM ordering.attempts a LEFT JOIN ordering.orders o ON o.id = a.order_id
WHERE a.outcome = 'placed' AND o.id IS NULL
"""

WRONG_PLACED = f"""
SELECT coalesce(o.id::text, e.key) AS subject,
       CASE WHEN o.id IS NULL THEN 'The log says that this order was placed; it is not there.'
            WHEN e.key IS NULL THEN format('Order %s is not in the log as placed.', o.number)
            WHEN e.times > 1 THEN format('Order %s is in the log as placed %s times.', o.number, e.times)
            ELSE format('Order %s costs %s, and %s in the log.', o.number, o.total, e.total) END AS message
FROM ordering.orders o FULL JOIN ({LOGGED % "ordering.OrderPlaced"}) e ON e.key = o.id::text
WHERE (e.times IS DISTINCT FROM 1 OR e.total IS DISTINCT FROM o.total)
AND (o.id IS NULL OR e.key IS NOT NULL OR o.placed_at >= {FIRST_DAY})
"""

WRONG_PAID = f"""
SELECT coalesce(o.id::text, e.key) AS subject,
       CASE WHEN o.id IS NULL THEN 'The log says that this order was paid; it is not there, or not paid.'
            WHEN e.key IS NULL THEN format('Order %s is paid, and not in the log as paid.', o.number)
            WHEN e.times > 1 THEN format('Order %s is in the log as paid %s times.', o.number, e.times)
            ELSE format('Order %s costs %s, and %s in the log as paid.', o.number, o.total, e.total) END AS message
FROM (SELECT * FROM ordering.orders WHERE paid_at IS NOT NULL) o
FULL JOIN ({LOGGED % "ordering.OrderPaid"}) e ON e.key = o.id::text
WHERE (e.times IS DISTINCT FROM 1 OR e.total IS DISTINCT FROM o.total)
AND (o.id IS NULL OR e.key IS NOT NULL OR o.paid_at >= {FIRST_DAY})
"""

ENDED = "SELECT count(*) FROM ordering.orders WHERE status IN ('payment_failed', 'cancelled', 'rejected')"

WRONG_ENDED = f"""
SELECT coalesce(o.id::text, e.key) AS subject,
       CASE WHEN o.id IS NULL THEN 'The log says that this order ended; it is not there, or goes on.'
            WHEN e.key IS NULL THEN format('Order %s is %s, and the log does not say so.', o.number, o.status)
            ELSE format('Order %s ended %s times in the log.', o.number, e.times) END AS message
FROM (
    SELECT id, number, status, placed_at FROM ordering.orders
    WHERE status IN ('payment_failed', 'cancelled', 'rejected', 'refunded')
) o
FULL JOIN (
    SELECT key, count(*) AS times FROM engine.events
    WHERE name IN ('ordering.OrderPaymentFailed', 'ordering.OrderEnded') GROUP BY key
) e ON e.key = o.id::text
WHERE e.times > 1 OR o.id IS NULL
OR (e.key IS NULL AND o.status <> 'refunded' AND o.placed_at >= {FIRST_DAY})
"""


async def lines_add_up(evidence: Evidence) -> Checked:
    """An order's lines are there, and add up to what it costs."""
    says = "The lines of an order add up to its items."
    return await evidence.hold("orders.lines-add-up", says, of=ORDERS, wrong=WRONG_LINES)


async def one_order_per_key(evidence: Evidence) -> Checked:
    """A request's key made one order."""
    says = "One idempotency key made one order."
    return await evidence.hold("orders.one-per-key", says, of=ORDERS, wrong=WRONG_KEYS, arguments=[evidence.keys_kept])


async def one_attempt_placed_each(evidence: Evidence) -> Checked:
    """Of all requests that led to an order, one made it."""
    says = "Of the requests that led to an order, exactly one made it."
    return await evidence.hold("orders.made-by-one-request", says, of=ORDERS, wrong=WRONG_ATTEMPTS)


async def placed_once_in_log(evidence: Evidence) -> Checked:
    """Orders and `OrderPlaced` match one to one, in their totals too."""
    says = "Each order is in the log as placed once, for what it costs, and the log has no others."
    return await evidence.hold("orders.placed-once-in-log", says, of=ORDERS, wrong=WRONG_PLACED)


async def paid_once_in_log(evidence: Evidence) -> Checked:
    """Paid orders and `OrderPaid` match one to one."""
    says = "Each paid order is in the log as paid once, and the log has no others."
    paid = f"{ORDERS} WHERE paid_at IS NOT NULL"
    return await evidence.hold("orders.paid-once-in-log", says, of=paid, wrong=WRONG_PAID)


async def ended_once_in_log(evidence: Evidence) -> Checked:
    """Orders that ended, and the events of their end, match one to one."""
    says = "Each order that ended is in the log as ended once, and the log has no others."
    return await evidence.hold("orders.ended-once-in-log", says, of=ENDED, wrong=WRONG_ENDED)

"""Capacity: daily stock and kitchen slots, within their limits and equal to what live orders hold."""

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

GAVE_BACK = "('payment_failed', 'rejected', 'cancelled')"
"""Statuses in which an order holds nothing any more; see `contexts.ordering.states.GIVES_BACK`."""

STOCK = "SELECT count(*) FROM catalog.daily_stock"
SLOTS = "SELECT count(*) FROM catalog.kitchen_slots"
RESERVATIONS = "SELECT count(*) FROM catalog.reservations"

WRONG_STOCK = """
SELECT format('%s of %s', coalesce(s.item_id, r.thing), coalesce(s.day, r.day)) AS subject,
       format('%s of %s are reserved, and orders hold %s.', coalesce(s.reserved, 0), coalesce(s.stock, 0),
              coalesce(r.held, 0)) AS message
FROM catalog.daily_stock s
FULL JOIN (
    SELECT restaurant_id, thing, day, sum(quantity) AS held FROM catalog.reservations WHERE kind = 'stock'
    GROUP BY restaurant_id, thing, day
) r ON (r.restaurant_id, r.thing, r.day) = (s.restaurant_id, s.item_id, s.day)
WHERE coalesce(s.reserved, 0) <> coalesce(r.held, 0) OR s.reserved > s.stock OR s.reserved < 0
"""

WRONG_SLOTS = """
SELECT coalesce(s.starts_at, r.starts_at) AS subject,
       format('%s of %s places of this slot are reserved, and orders hold %s.', coalesce(s.reserved, 0),
              coalesce(s.capacity, 0), coalesce(r.held, 0)) AS message
FROM catalog.kitchen_slots s
FULL JOIN (
    SELECT restaurant_id, starts_at, count(*) AS held FROM catalog.reservations WHERE kind = 'slot'
    GROUP BY restaurant_id, starts_at
) r ON (r.restaurant_id, r.starts_at) = (s.restaurant_id, s.starts_at)
WHERE coalesce(s.reserved, 0) <> coalesce(r.held, 0) OR s.reserved > s.capacity OR s.reserved < 0
"""

WRONG_HOLDERS = f"""
SELECT r.order_id AS subject,
       CASE WHEN o.id IS NULL THEN 'This order holds stock or a slot, and is not there.'
            ELSE format('Order %s is %s, and still holds stock or a slot.', o.number, o.status) END AS message
FROM (SELECT DISTINCT order_id FROM catalog.reservations) r
LEFT JOIN ordering.orders o ON o.id = r.order_id
WHERE o.id IS NULL OR o.status IN {GAVE_BACK}
"""

LIMITED = """
    SELECT m.restaurant_id, m.version, item ->> 'id' AS item_id
    FROM catalog.menu_versions m,
         jsonb_path_query(m.document, '$.categories[*].items[*] ? (@.daily_stock >= 0)') AS item
"""

WRONG_SHARES = f"""
WITH limited AS MATERIALIZED ({LIMITED}),
wanted AS (
    SELECT o.id, o.number, l.item_id, sum(l.quantity) AS quantity
    FROM limited
    JOIN ordering.orders o ON (o.restaurant_id, o.menu_version) = (limited.restaurant_id, limited.version)
    JOIN ordering.order_lines l ON (l.order_id, l.item_id)
        = (o.id, limited.item_id)
    WHERE o.status NOT IN {GAVE_BACK}
    GROUP BY o.id, o.number, l.item_id
)
SELECT w.id AS subject,
       format('Order %s has %s of %s, and holds %s of its stock.', w.number, w.quantity, w.item_id,
              coalesce(r.quantity, 0)) AS message
FROM wanted w
LEFT JOIN catalog.reservations r ON r.order_id = w.id AND r.kind = 'stock' AND r.thing = w.item_id
WHERE r.quantity IS DISTINCT FROM w.quantity
"""


async def stock_is_what_orders_hold(evidence: Evidence) -> Checked:
    """A day's stock is within its limit, and what orders hold of it."""
    says = "Daily stock is within its limit, and reserved is what orders hold."
    return await evidence.hold("stock.within-limits", says, of=STOCK, wrong=WRONG_STOCK)


async def slots_are_what_orders_hold(evidence: Evidence) -> Checked:
    """A kitchen slot is within its capacity, and what orders hold of it."""
    says = "Kitchen slots are within their capacity, and reserved is what orders hold."
    return await evidence.hold("slots.within-limits", says, of=SLOTS, wrong=WRONG_SLOTS)


async def only_live_orders_hold(evidence: Evidence) -> Checked:
    """What an order held was given back when it ended."""
    says = "Only live orders hold stock and slots."
    return await evidence.hold("stock.held-by-live-orders", says, of=RESERVATIONS, wrong=WRONG_HOLDERS)


async def live_orders_hold_their_share(evidence: Evidence) -> Checked:
    """An order of something that runs out has reserved just that."""
    says = "Each live order holds the stock of what it ordered."
    return await evidence.hold("stock.held-as-ordered", says, of=RESERVATIONS, wrong=WRONG_SHARES)

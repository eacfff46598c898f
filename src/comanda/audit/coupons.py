"""Coupons: redeemed within their limits, by live orders, once each."""

from comanda.audit.capacity import GAVE_BACK
from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked

COUPONS = "SELECT count(*) FROM promotions.coupons"
REDEMPTIONS = "SELECT count(*) FROM promotions.redemptions"

WRONG_LIMITS = """
SELECT c.id AS subject,
       format('Coupon %s is counted as redeemed %s times of %s; orders redeem it %s times.', c.code, c.redeemed,
              coalesce(c.total_limit::text, 'any'), coalesce(r.times, 0)) AS message
FROM promotions.coupons c
LEFT JOIN (
    SELECT coupon_id, count(*) AS times FROM promotions.redemptions WHERE state <> 'released' GROUP BY coupon_id
) r ON r.coupon_id = c.id
WHERE (c.total_limit IS NOT NULL OR c.guest_limit IS NOT NULL)
AND (c.redeemed <> coalesce(r.times, 0) OR coalesce(r.times, 0) > c.total_limit)
"""

WRONG_GUESTS = """
SELECT coalesce(g.customer_id, r.customer_id) AS subject,
       format('This guest is counted as having redeemed coupon %s %s times of %s; their orders redeem it %s times.',
              c.code, coalesce(g.redeemed, 0), c.guest_limit, coalesce(r.times, 0)) AS message
FROM promotions.guest_counts g
FULL JOIN (
    SELECT coupon_id, customer_id, count(*) AS times FROM promotions.redemptions WHERE state <> 'released'
    GROUP BY coupon_id, customer_id
) r ON (r.coupon_id, r.customer_id) = (g.coupon_id, g.customer_id)
JOIN promotions.coupons c ON c.id = coalesce(g.coupon_id, r.coupon_id)
WHERE c.guest_limit IS NOT NULL
AND (coalesce(g.redeemed, 0) <> coalesce(r.times, 0) OR coalesce(r.times, 0) > c.guest_limit)
"""

WRONG_REDEMPTIONS = f"""
SELECT coalesce(o.id, r.order_id) AS subject,
       CASE WHEN o.id IS NULL THEN 'A coupon is redeemed by this order, which is not there.'
            WHEN r.order_id IS NULL
                THEN format('Order %s has coupon %s, and has not redeemed it.', o.number, o.coupon)
            WHEN (r.state = 'released') <> (o.status IN {GAVE_BACK})
                THEN format('Order %s is %s, and its coupon is %s.', o.number, o.status, r.state)
            ELSE format('Order %s has coupon %s with a discount of %s; it redeemed %s with %s.', o.number, o.coupon,
                        o.discount, c.code, r.discount) END AS message
FROM promotions.redemptions r
LEFT JOIN promotions.coupons c ON c.id = r.coupon_id
FULL JOIN (SELECT * FROM ordering.orders WHERE coupon IS NOT NULL) o ON o.id = r.order_id
WHERE o.id IS NULL OR r.order_id IS NULL OR (r.state = 'released') <> (o.status IN {GAVE_BACK})
OR r.discount <> o.discount OR upper(o.coupon) <> c.code OR c.restaurant_id <> o.restaurant_id
"""


async def coupons_within_limits(evidence: Evidence) -> Checked:
    """A coupon's counter is what orders redeem, within its limit."""
    says = "Coupons are redeemed within their limits, and counted right."
    return await evidence.hold("coupons.within-limits", says, of=COUPONS, wrong=WRONG_LIMITS)


async def guests_within_limits(evidence: Evidence) -> Checked:
    """A guest's counter is what the guest's orders redeem, within the limit."""
    says = "Each guest redeems a coupon within its limit per guest, and is counted right."
    of = "SELECT count(*) FROM promotions.guest_counts"
    return await evidence.hold("coupons.within-guest-limits", says, of=of, wrong=WRONG_GUESTS)


async def redemptions_match_orders(evidence: Evidence) -> Checked:
    """A redemption is an order's, for its discount, and released when the order came to nothing."""
    says = "Each order with a coupon redeems it once, for its discount, for as long as it lives."
    return await evidence.hold("coupons.redeemed-by-orders", says, of=REDEMPTIONS, wrong=WRONG_REDEMPTIONS)

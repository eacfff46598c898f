"""The SQL of the people whom campaigns may reach.

They are written set by set, and each set in the order of ids: two transactions that write some of the same people wait
for one another and do not lock each other out.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.people import domain_of
from comanda.contracts.customers import CONFIRMED, CustomerRow
from comanda.engine.database import Transaction

LOCK_SHARED = "SELECT pg_advisory_xact_lock_shared(hashtextextended('campaigns.people', 0))"
LOCK_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('campaigns.people', 0))"
"""Who writes people holds the lock with others; who erases one holds it alone. Else a row that was read before the
erasure could be written after it, by a transaction that cannot see it yet."""

LIFT = """
DELETE FROM campaigns.suppressions s USING unnest($1::uuid[], $2::timestamptz[]) t (id, consent_at)
WHERE s.customer_id = t.id AND s.at < t.consent_at AND s.why IN ('unsubscribed', 'by_hand', 'erased')
"""
"""Whoever confirms from their own mailbox that they want news has changed their mind. A list that is imported again has
not; nor does a click make a dead address live, or a complaint undone."""

RENEW = """
INSERT INTO campaigns.people AS p (
    id, restaurant_id, email, domain, name, phone, zone, consent_at, consent_source, unsubscribed_at, attributes,
    version
)
SELECT t.id, t.restaurant_id, t.email, t.domain, t.name, t.phone, t.zone, t.consent_at, t.consent_source,
    t.unsubscribed_at, t.attributes::jsonb, t.version
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
    $9::text[], $10::timestamptz[], $11::text[], $12::bigint[]
) t (
    id, restaurant_id, email, domain, name, phone, zone, consent_at, consent_source, unsubscribed_at, attributes,
    version
)
WHERE NOT EXISTS (SELECT FROM campaigns.suppressions s WHERE s.customer_id = t.id AND s.why = 'erased')
ORDER BY t.id
ON CONFLICT (id) DO UPDATE SET
    email = excluded.email, domain = excluded.domain, name = excluded.name, phone = excluded.phone,
    zone = excluded.zone, consent_at = excluded.consent_at, consent_source = excluded.consent_source,
    unsubscribed_at = excluded.unsubscribed_at, attributes = excluded.attributes, version = excluded.version
WHERE p.version < excluded.version
"""

MEET = """
INSERT INTO campaigns.people (id, restaurant_id, email, domain, name, phone)
SELECT t.id, t.restaurant_id, t.email, t.domain, t.name, t.phone
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
    t (id, restaurant_id, email, domain, name, phone)
WHERE NOT EXISTS (SELECT FROM campaigns.suppressions s WHERE s.customer_id = t.id AND s.why = 'erased')
ORDER BY t.id
ON CONFLICT DO NOTHING
"""

HOLD = "SELECT id FROM campaigns.people WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"

COUNT_ORDERS = """
WITH early AS (
    DELETE FROM campaigns.early_refunds WHERE order_id = ANY ($1::uuid[]) RETURNING order_id, refunded
), counted AS (
    INSERT INTO campaigns.people_orders (order_id, customer_id, placed_at, fulfilment, total, refunded)
    SELECT t.order_id, t.customer_id, t.placed_at, t.fulfilment, t.total, coalesce(early.refunded, 0)
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[])
        t (order_id, customer_id, placed_at, fulfilment, total)
    JOIN campaigns.people p ON p.id = t.customer_id
    LEFT JOIN early ON early.order_id = t.order_id
    ON CONFLICT (order_id) DO NOTHING
    RETURNING customer_id, placed_at, fulfilment, total - refunded AS spent
), sums AS (
    SELECT customer_id, count(*) AS orders, sum(spent) AS spent, min(placed_at) AS first_at, max(placed_at) AS last_at,
        count(*) FILTER (WHERE fulfilment = 'delivery') AS deliveries,
        count(*) FILTER (WHERE fulfilment = 'pickup') AS pickups,
        count(*) FILTER (WHERE fulfilment = 'dine_in') AS dine_ins
    FROM counted GROUP BY customer_id
)
UPDATE campaigns.people p SET
    orders = p.orders + sums.orders,
    spent = p.spent + sums.spent,
    first_order_at = least(p.first_order_at, sums.first_at),
    last_order_at = greatest(p.last_order_at, sums.last_at),
    deliveries = p.deliveries + sums.deliveries,
    pickups = p.pickups + sums.pickups,
    dine_ins = p.dine_ins + sums.dine_ins
FROM sums WHERE p.id = sums.customer_id
"""

ORDER_OWNERS = "SELECT customer_id FROM campaigns.people_orders WHERE order_id = ANY ($1::uuid[])"

COUNT_REFUNDS = """
WITH told AS (
    SELECT order_id, max(refunded) AS refunded FROM unnest($1::uuid[], $2::bigint[]) t (order_id, refunded)
    GROUP BY order_id
), more AS (
    UPDATE campaigns.people_orders o SET refunded = told.refunded
    FROM told JOIN campaigns.people_orders was ON was.order_id = told.order_id
    WHERE o.order_id = told.order_id AND o.refunded < told.refunded
    RETURNING o.customer_id, told.refunded - was.refunded AS more
), sums AS (
    SELECT customer_id, sum(more) AS more FROM more GROUP BY customer_id
), early AS (
    INSERT INTO campaigns.early_refunds AS e (order_id, refunded)
    SELECT order_id, refunded FROM told
    WHERE NOT EXISTS (SELECT FROM campaigns.people_orders o WHERE o.order_id = told.order_id)
    ORDER BY order_id
    ON CONFLICT (order_id) DO UPDATE SET refunded = greatest(e.refunded, excluded.refunded)
)
UPDATE campaigns.people p SET spent = p.spent - sums.more FROM sums WHERE p.id = sums.customer_id
"""

SUPPRESS_ERASED = """
INSERT INTO campaigns.suppressions (customer_id, restaurant_id, why, at)
SELECT t.customer_id, t.restaurant_id, 'erased', $3
FROM unnest($1::uuid[], $2::uuid[]) t (customer_id, restaurant_id)
ORDER BY t.customer_id
ON CONFLICT (customer_id) DO UPDATE SET why = 'erased', at = excluded.at, campaign = NULL
WHERE suppressions.why <> 'erased'
"""

ERASE = "DELETE FROM campaigns.people WHERE id = ANY ($1::uuid[])"


class Met(NamedTuple):
    """Somebody who has ordered, as the order says."""

    id: UUID
    restaurant_id: UUID
    email: str
    name: str
    phone: str


class CountedOrder(NamedTuple):
    """A paid order, as it counts for who ordered it; the total in minor units."""

    order_id: UUID
    customer_id: UUID
    placed_at: datetime
    fulfilment: str
    total: int


async def renew(tx: Transaction, rows: Sequence[CustomerRow]) -> None:
    """Write the customers, each where what stands is older; whoever was erased stays away."""
    await tx.execute(LOCK_SHARED)
    confirmed = [
        (row.id, row.consent_at)
        for row in rows
        if row.consent_source == CONFIRMED and row.consent_at is not None and row.unsubscribed_at is None
    ]
    if confirmed:
        await tx.execute(LIFT, [one for one, _ in confirmed], [at for _, at in confirmed])
    await tx.execute(
        RENEW,
        [row.id for row in rows],
        [row.restaurant_id for row in rows],
        [row.email for row in rows],
        [domain_of(row.email) for row in rows],
        [row.name for row in rows],
        [row.phone for row in rows],
        [row.timezone for row in rows],
        [row.consent_at for row in rows],
        [row.consent_source for row in rows],
        [row.unsubscribed_at for row in rows],
        [msgspec.json.encode(row.attributes).decode() if row.attributes else "{}" for row in rows],
        [row.version for row in rows],
    )


async def count_orders(tx: Transaction, people: Sequence[Met], orders: Sequence[CountedOrder]) -> None:
    """Write who is not known yet, and count the orders that were not counted before."""
    await tx.execute(LOCK_SHARED)
    await tx.execute(
        MEET,
        [person.id for person in people],
        [person.restaurant_id for person in people],
        [person.email for person in people],
        [domain_of(person.email) for person in people],
        [person.name for person in people],
        [person.phone for person in people],
    )
    await tx.execute(HOLD, [person.id for person in people])
    await tx.execute(
        COUNT_ORDERS,
        [order.order_id for order in orders],
        [order.customer_id for order in orders],
        [order.placed_at for order in orders],
        [order.fulfilment for order in orders],
        [order.total for order in orders],
    )


async def count_refunds(tx: Transaction, refunds: Sequence[tuple[UUID, int]]) -> None:
    """Take off what was refunded in all of each order; keep it for later where the order is not known (yet)."""
    await tx.execute(LOCK_SHARED)
    order_ids = [order_id for order_id, _ in refunds]
    owners = await tx.fetch(ORDER_OWNERS, order_ids)
    await tx.execute(HOLD, [row["customer_id"] for row in owners])
    await tx.execute(COUNT_REFUNDS, order_ids, [refunded for _, refunded in refunds])


async def erase(tx: Transaction, customers: Sequence[tuple[UUID, UUID]], at: datetime) -> None:
    """Delete people with their orders, given by id and restaurant, and leave that they must stay away."""
    await tx.execute(LOCK_ALONE)
    ids = [customer_id for customer_id, _ in customers]
    await tx.execute(SUPPRESS_ERASED, ids, [restaurant_id for _, restaurant_id in customers], at)
    await tx.execute(ERASE, ids)

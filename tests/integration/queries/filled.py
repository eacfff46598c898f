"""A database as it is after a hundred thousand orders, filled set by set."""

from datetime import timedelta

import asyncpg

from comanda.engine.database import Database
from comanda.engine.database.partitions import ensure_partitions
from comanda.tables import PARTITIONED
from tests.fakes.clock import START, FakeClock

ORDERS = 100_000

RESTAURANTS = 20_000

NUMBERED = f"""
CREATE TABLE numbered AS
SELECT n, moment,
    (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3) || '8'
        || substr(hash, 4, 15))::uuid AS id,
    CASE WHEN n % 5 = 0 THEN '00000000-0000-0000-0000-000000000007'::uuid
        ELSE md5('restaurant ' || n % 400)::uuid END AS restaurant_id
FROM generate_series(1, {ORDERS}) n, md5(n::text) hash,
    LATERAL (SELECT '2025-06-02 11:00Z'::timestamptz - n * interval '2 minutes' AS moment)
"""
"""Number, moment, id and restaurant of each order. Ids are UUIDv7s of their moments, as real ones are; the last order
was placed an hour before the tests' clock stands still; every fifth is at the restaurant of `tests.fakes.shop`."""

STATEMENTS = (
    NUMBERED,
    f"""
    INSERT INTO catalog.restaurants (id, slug, name, currency, timezone, country, locale)
    SELECT md5('restaurant ' || n)::uuid, 'r' || n, 'Restaurant ' || n, 'EUR', 'Europe/Rome', 'IT', 'it'
    FROM generate_series(1, {RESTAURANTS}) n
    """,
    """
    INSERT INTO catalog.menu_versions (restaurant_id, version, document, state, published_at)
    SELECT id, 1, '{"categories": []}', 'published', now() FROM catalog.restaurants WHERE slug ~ '^r[0-9]'
    """,
    "UPDATE catalog.restaurants SET published_version = 1 WHERE slug ~ '^r[0-9]'",
    """
    INSERT INTO catalog.sold_out (restaurant_id, thing_id) SELECT id, 'x' FROM catalog.restaurants
    """,
    """
    INSERT INTO catalog.daily_stock (restaurant_id, item_id, day, stock, reserved)
    SELECT id, 'item', '2025-06-02', 10, 5 FROM catalog.restaurants
    """,
    """
    INSERT INTO catalog.kitchen_slots (restaurant_id, starts_at, capacity, reserved)
    SELECT id, '2025-06-02 12:00Z', 10, 5 FROM catalog.restaurants
    """,
    """
    INSERT INTO catalog.reservations (order_id, kind, restaurant_id, starts_at, quantity)
    SELECT id, 'slot', restaurant_id, '2025-06-02 12:00Z', 1 FROM numbered WHERE n <= 30000
    """,
    """
    INSERT INTO ordering.orders (
        id, restaurant_id, number, form_hash, copy, status, customer_id, guest, fulfilment, fulfilment_type, due_at,
        currency, items, discount, tax, tax_added, fee, tip, total, menu_version, note, payment_method,
        idempotency_scope, idempotency_key, placed_at, paid_at
    )
    SELECT id, restaurant_id, n, decode(md5('form ' || n), 'hex'), 1,
        CASE WHEN n < 50 THEN 'placed' ELSE 'completed' END, md5('customer ' || n % 30000)::uuid,
        '{"name": "Ann", "email": "a@example.com", "phone": ""}',
        '{"type": "pickup", "asap": true, "due_at": "2025-06-02T12:00:00Z"}', 'pickup', moment,
        'EUR', 1800, 0, 0, 0, 0, 0, 1800, 1, '', '', restaurant_id, 'key ' || n, moment, moment
    FROM numbered
    """,
    """
    INSERT INTO ordering.order_lines
        (order_id, place, item_id, name, quantity, unit_price, total, options, note)
    SELECT id, place, 'margherita', 'Margherita', 1, 900, 900, '[]', ''
    FROM numbered, generate_series(0, 1) place
    """,
    """
    INSERT INTO engine.idempotency_keys (scope, key, fingerprint, body_hash, status, answer, created_at)
    SELECT restaurant_id, 'key ' || n, decode(md5('form ' || n), 'hex'), decode(md5('body ' || n), 'hex'), 201,
        convert_to(format('{"id": "%s"}', id), 'UTF8'), moment
    FROM numbered
    """,
    """
    INSERT INTO ordering.attempts (at, restaurant_id, order_id, outcome, key, caller)
    SELECT moment, restaurant_id, id, CASE WHEN click = 1 THEN 'placed' ELSE 'replayed' END, 'k', 'guest'
    FROM numbered, generate_series(1, 2) click WHERE click = 1 OR n % 4 = 0
    """,
    """
    INSERT INTO ordering.timeline (order_id, what, reference, at)
    SELECT id, what, '', moment
    FROM numbered, unnest(ARRAY['paid', 'receipt_sent']) what
    """,
    f"""
    INSERT INTO ordering.refunds (id, order_id, restaurant_id, amount, reason, requested_by, requested_at)
    SELECT md5('refund ' || n)::uuid, id, restaurant_id, 100, '', gen_random_uuid(), moment
    FROM numbered WHERE n <= {ORDERS // 10}
    """,
    """
    INSERT INTO engine.events (at, position, shard, version, name, key, payload)
    SELECT '2025-06-02 11:00Z'::timestamptz - n * interval '1 second', (1 + n / 1000)::text::xid8, n % 16, 1,
        CASE n % 3 WHEN 0 THEN 'ordering.OrderPlaced' WHEN 1 THEN 'ordering.OrderPaid' ELSE 'payments.Captured' END,
        id::text, '{}'
    FROM numbered, generate_series(1, 2) ORDER BY n
    """,
    """
    INSERT INTO engine.parked
        (consumer, event_id, shard, position, at, version, name, key, payload, state, attempts, error, next_at)
    SELECT CASE n % 40 WHEN 7 THEN 'receipts.mail' ELSE 'other.' || n % 40 END, n, n % 16,
        (1 + n / 1000)::text::xid8, now(), 1, 'ordering.OrderPaid', n::text, '{}',
        CASE WHEN n % 20 = 0 THEN 'waiting' ELSE 'dead' END, 3, 'failed', now() + n * interval '1 minute'
    FROM generate_series(1, 20000) n
    """,
    """
    INSERT INTO engine.lane_minutes (lane, minute, handled)
    SELECT CASE n WHEN 7 THEN 'receipts.mail' ELSE 'other.' || n END,
        date_trunc('minute', now()) - m * interval '1 minute', 1
    FROM generate_series(1, 40) n, generate_series(0, 120) m
    """,
    """
    INSERT INTO engine.timers (due_at, shard, version, name, key, payload)
    SELECT now() + n * interval '1 minute', n % 16, 1, 'ordering.OrderPaid', n::text, '{}'
    FROM generate_series(1, 20000) n
    """,
    """
    INSERT INTO payments.payments (
        id, order_id, restaurant_id, amount, currency, method, state, provider, provider_ref, attempts, first_sent_at,
        check_at, captured, captured_at, created_at
    )
    SELECT md5('payment ' || n)::uuid, id, restaurant_id, 1800, 'EUR', '',
        CASE WHEN n < 50 THEN 'uncertain' ELSE 'captured' END, 'sandbox', 'ref ' || n, 1, moment, moment,
        CASE WHEN n < 50 THEN 0 ELSE 1800 END, CASE WHEN n < 50 THEN NULL ELSE moment END, moment
    FROM numbered
    """,
    f"""
    INSERT INTO payments.refunds
        (id, payment_id, amount, cause, state, reason, provider_ref, attempts, first_sent_at, check_at, created_at)
    SELECT md5('refund ' || n)::uuid, md5('payment ' || n)::uuid, 100, 'asked',
        CASE WHEN n < 50 THEN 'uncertain' ELSE 'succeeded' END, '', 'back ' || n, 1, moment, moment, moment
    FROM numbered WHERE n <= {ORDERS // 10}
    """,
    """
    INSERT INTO payments.webhooks_received (provider, event_id, kind, subject, effect, received_at)
    SELECT 'sandbox', 'event ' || n, 'charge', md5('payment ' || n)::uuid, 'captured', moment
    FROM numbered WHERE n <= 30000
    """,
    """
    INSERT INTO kitchen.tickets
        (id, order_id, restaurant_id, number, fulfilment, status, document, due_at, opened_at, moved_at)
    SELECT md5('ticket ' || n)::uuid, id, restaurant_id, n, 'pickup',
        CASE WHEN n < 200 THEN 'preparing' ELSE 'completed' END, '{}', moment, moment, moment
    FROM numbered
    """,
    """
    INSERT INTO receipts.receipts (
        id, order_id, restaurant_id, order_number, recipient, message_id, state, document, html_file, paid_at,
        created_at, claimed_at, sent_at
    )
    SELECT md5('receipt ' || n)::uuid, id, restaurant_id, n, 'a@example.com', 'm ' || n,
        CASE WHEN n < 50 THEN 'sending' ELSE 'sent' END, '{}', 'file', moment, moment, moment,
        CASE WHEN n < 50 THEN NULL ELSE moment END
    FROM numbered
    """,
    f"""
    INSERT INTO promotions.coupons (id, restaurant_id, code, kind, value, total_limit)
    SELECT md5('coupon ' || n)::uuid, md5('restaurant ' || n)::uuid, 'WELCOME', 'percentage', 1000, 1000000
    FROM generate_series(1, {RESTAURANTS}) n
    """,
    """
    INSERT INTO promotions.redemptions (order_id, coupon_id, customer_id, discount, state)
    SELECT id, md5('coupon ' || 1 + n % 20000)::uuid, md5('customer ' || n % 30000)::uuid, 180, 'confirmed'
    FROM numbered WHERE n <= 30000
    """,
    """
    INSERT INTO promotions.guest_counts (coupon_id, customer_id, guest_limit, redeemed)
    SELECT md5('coupon ' || n)::uuid, md5('customer ' || n)::uuid, 2, 1 FROM generate_series(1, 20000) n
    """,
    """
    INSERT INTO customers.customers (id, restaurant_id, email, name, phone, orders, first_order_at, last_order_at)
    SELECT md5('customer ' || n % 30000)::uuid, restaurant_id, 'guest' || n || '@example.com', 'Guest ' || n, '', 3,
        moment, moment
    FROM numbered WHERE n <= 30000
    """,
    """
    INSERT INTO customers.customer_orders (order_id, customer_id, number, total, currency, placed_at)
    SELECT id, md5('customer ' || n % 30000)::uuid, n, 1800, 'EUR', moment FROM numbered WHERE n <= 30000
    """,
    """
    INSERT INTO customers.addresses (customer_id, fingerprint, street, city, postcode, detail, last_used_at)
    SELECT id, 'f', 's', 'c', 'p', '', now() FROM customers.customers
    """,
    """
    INSERT INTO staff.accounts (id, restaurant_id, email, name, password_hash, roles, created_at)
    SELECT md5('account ' || n)::uuid, md5('restaurant ' || n)::uuid, 'staff' || n || '@example.com', 'S',
        '$argon2id$', '{owner}', now()
    FROM generate_series(1, 10000) n
    """,
    """
    INSERT INTO staff.sessions (token_hash, account_id, kind, created_at, seen_at, expires_at)
    SELECT sha256(convert_to(n::text, 'UTF8')), md5('account ' || 1 + n % 10000)::uuid, 'browser', now(),
        '2025-06-02 11:59Z'::timestamptz - n * interval '10 seconds', now() + interval '30 days'
    FROM generate_series(1, 30000) n
    """,
    """
    INSERT INTO staff.sign_in_tries (key, tries, since)
    SELECT n::text, 1, '2025-06-02 12:00Z'::timestamptz - n * interval '1 second' FROM generate_series(1, 20000) n
    """,
)


async def fill(url: str) -> None:
    """Fill a migrated database, and let PostgreSQL count what is in it."""
    database = Database(url, name="fill")
    await database.start()
    for days in range(0, 150, 5):
        clock = FakeClock(START - timedelta(days=days))
        await database.run(lambda tx, clock=clock: ensure_partitions(tx, PARTITIONED, clock))  # type: ignore[misc]
    await database.stop()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        for statement in STATEMENTS:
            await connection.execute(statement)
        await connection.execute("SELECT setval('ordering.order_numbers', 1000000)")
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()

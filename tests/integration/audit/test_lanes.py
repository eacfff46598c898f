import pytest

from tests.integration.audit.fault import Fault, is_found, order, payment
from tests.integration.audit.scene import Scene

PARK = """
INSERT INTO engine.parked
    (consumer, event_id, shard, position, at, version, name, key, payload, state, attempts, error, next_at)
SELECT 'kitchen.tickets', e.id, e.shard, {position}, e.at, e.version, e.name, e.key, e.payload, '{state}', 3,
       'no paper', now()
FROM engine.events e WHERE e.name = 'ordering.OrderPaid' AND e.key = {order}::text
"""

UNHEARD = "DELETE FROM ordering.timeline WHERE order_id = {order} AND what = '{what}'"


PASSED = (
    (
        "INSERT INTO engine.events (at, position, shard, version, name, key, payload)"
        " SELECT at, position, shard, version, '{name}', {key}, {payload} FROM engine.events"
        " WHERE name = 'ordering.OrderPaid' AND key = {order}::text"
    ),
    "UPDATE engine.cursors SET position = pg_snapshot_xmin(pg_current_snapshot()), id = 0",
)
"""An event that was never handled, and yet all have passed."""


def passed(name: str, key: str, payload: str) -> tuple[str, ...]:
    """Return SQL for such an event; `key` and `payload` are SQL."""
    return tuple(sql.format(name=name, key=key, payload=payload, order=order("plain")) for sql in PASSED)


ORDER_IDS = f"json_build_object('order_ids', json_build_array({order('plain')}))"


def effect(consumer: str, kind: str, *statements: str, also: frozenset[str] = frozenset()) -> Fault:
    """Return a fault in which a consumer has passed an event that left no effect."""
    return Fault(
        name=f"{consumer} has passed {kind} for nothing",
        found=f"effects.{consumer}.{kind}",
        says=f"{consumer} has passed the event",
        sql=statements,
        also=also,
    )


EFFECTS = (
    effect(
        "payments.charge",
        "OrderPlaced",
        f"DELETE FROM payments.payments WHERE order_id = {order('declined')}",
    ),
    effect(
        "payments.refunds_due",
        "OrderEnded",
        f"UPDATE payments.payments SET order_ended = false WHERE id = {payment('cancelled')}",
    ),
    effect(
        "payments.refunds_due",
        "RefundRequested",
        "UPDATE engine.events SET payload = jsonb_set(payload::jsonb, '{refund_id}', to_jsonb(gen_random_uuid()))::json"
        " WHERE name = 'ordering.RefundRequested'",
    ),
    effect(
        "payments.refund",
        "RefundDue",
        "UPDATE engine.events SET payload = jsonb_set(payload::jsonb, '{refund_id}', to_jsonb(gen_random_uuid()))::json"
        " WHERE name = 'payments.RefundDue'",
    ),
    effect(
        "kitchen.tickets",
        "OrderEnded",
        f"UPDATE kitchen.tickets SET status = 'waiting' WHERE order_id = {order('cancelled')}",
    ),
    effect(
        "promotions.confirm",
        "OrderPaid",
        f"UPDATE promotions.redemptions SET state = 'reserved' WHERE order_id = {order('coupon')}",
    ),
    effect(
        "customers.history",
        "OrderPaid",
        f"DELETE FROM customers.customer_orders WHERE order_id = {order('plain')}",
        also=frozenset({"effects.histories-add-up"}),
    ),
    effect(
        "promotions.offers",
        "CouponsOffered",
        *passed("campaigns.CouponsOffered", "'7'", "'{}'"),
    ),
    effect(
        "campaigns.returns",
        "MailReturned",
        "CREATE TABLE campaigns.deliveries_all PARTITION OF campaigns.deliveries DEFAULT",
        "INSERT INTO campaigns.deliveries (campaign, recipient, customer_id) VALUES (7, 1, gen_random_uuid())",
        *passed("campaigns.MailReturned", "'7:1'", '\'{"campaign": 7, "recipient": 1, "kind": "hard"}\''),
    ),
    effect(
        "customers.confirmations",
        "SignupAsked",
        (
            "INSERT INTO customers.signups (id, restaurant_id, email, name, source, hour, asked_at, asked_from)"
            f" SELECT id, restaurant_id, 'a@example.org', '', '', 0, now(), '' FROM ordering.orders"
            f" WHERE id = {order('plain')}"
        ),
        *passed("customers.SignupAsked", f"{order('plain')}::text", "'{}'"),
    ),
    effect(
        "ordering.erasure",
        "CustomerErased",
        *passed(
            "customers.CustomerErased",
            f"(SELECT customer_id::text FROM ordering.orders WHERE id = {order('plain')})",
            (
                "(SELECT json_build_object('restaurant_id', restaurant_id) FROM ordering.orders"
                f" WHERE id = {order('plain')})"
            ),
        ),
    ),
    effect(
        "kitchen.erasure",
        "GuestErased",
        *passed("ordering.GuestErased", "'x'", ORDER_IDS),
        also=frozenset({"effects.receipts.erasure.GuestErased"}),
    ),
    effect(
        "receipts.erasure",
        "GuestErased",
        *passed("ordering.GuestErased", "'x'", ORDER_IDS),
        (
            "UPDATE kitchen.tickets SET document = jsonb_set(document, '{guest,email}', '\"\"')"
            f" WHERE order_id = {order('plain')}"
        ),
    ),
    effect("ordering.payments", "PaymentCaptured", UNHEARD.format(order=order("plain"), what="paid")),
    effect("ordering.payments", "PaymentRefunded", UNHEARD.format(order=order("refunded"), what="refund_done")),
    effect("ordering.kitchen", "TicketOpened", UNHEARD.format(order=order("plain"), what="ticket_opened")),
    effect("ordering.receipts", "ReceiptSent", UNHEARD.format(order=order("plain"), what="receipt_sent")),
    effect(
        "ordering.payments",
        "PaymentFailed",
        f"UPDATE ordering.orders SET status = 'placed' WHERE id = {order('declined')}",
        also=frozenset(
            {"stuck.orders", "orders.ended-once-in-log", "coupons.redeemed-by-orders", "stock.held-as-ordered"}
        ),
    ),
)

FAULTS = (
    Fault(
        name="a customer is counted with an order too many",
        found="effects.histories-add-up",
        says="This customer is counted with",
        sql=["UPDATE customers.customers SET orders = orders + 1"],
    ),
    Fault(
        name="a fact became true twice",
        found="effects.facts-once",
        says="receipts.ReceiptSent is in the log 2 times",
        sql=[
            (
                "INSERT INTO engine.events (at, position, shard, version, name, key, payload)"
                " SELECT at, position, shard, version, name, key, payload FROM engine.events"
                f" WHERE name = 'receipts.ReceiptSent' AND key = {order('plain')}::text"
            ),
            "UPDATE engine.cursors SET position = pg_snapshot_xmin(pg_current_snapshot()), id = 0",
        ],
    ),
    Fault(
        name="a cursor has passed the horizon",
        found="lanes.cursors-below-horizon",
        says="will never be read",
        sql=["UPDATE engine.cursors SET position = '1000000000' WHERE consumer = 'kitchen.tickets' AND shard = 3"],
    ),
    Fault(
        name="an event stands in the future",
        found="lanes.cursors-below-horizon",
        says="where no transaction has been yet",
        also=frozenset({"lanes.nothing-unread"}),
        sql=[f"UPDATE engine.events SET position = '1000000000' WHERE key = {order('plain')}::text"],
    ),
    Fault(
        name="an event is parked that is still to be read",
        found="lanes.parked-are-passed",
        says="it would be handled twice",
        also=frozenset({"lanes.nothing-parked"}),
        sql=[PARK.format(order=order("plain"), state="waiting", position="'1000000000'::xid8")],
    ),
    Fault(
        name="an event is parked for too long",
        found="lanes.nothing-parked",
        says="is parked since",
        sql=[PARK.format(order=order("plain"), state="waiting", position="e.position")],
    ),
    Fault(
        name="an event is a dead letter",
        found="lanes.nothing-parked",
        says="is a dead letter since",
        sql=[PARK.format(order=order("plain"), state="dead", position="e.position")],
    ),
    Fault(
        name="a consumer does not read",
        found="lanes.nothing-unread",
        says="kitchen.tickets has not read",
        sql=["UPDATE engine.cursors SET position = '0', id = 0 WHERE consumer = 'kitchen.tickets'"],
    ),
    Fault(
        name="an order is never paid",
        found="stuck.orders",
        says="is neither paid nor failed since",
        also=frozenset(
            {
                "orders.paid-once-in-log",
                "charges.are-known",
                "receipts.one-per-paid-order",
                "tickets.one-per-paid-order",
            }
        ),
        sql=[f"UPDATE ordering.orders SET status = 'placed', paid_at = NULL WHERE id = {order('plain')}"],
    ),
    Fault(
        name="a payment is uncertain for too long",
        found="stuck.payments",
        says="is uncertain since",
        sql=[f"UPDATE payments.payments SET state = 'uncertain', attempts = 5 WHERE id = {payment('declined')}"],
    ),
    Fault(
        name="a refund is uncertain for too long",
        found="stuck.refunds",
        says="A refund of 500 for this order is uncertain",
        sql=[
            f"UPDATE payments.refunds SET state = 'uncertain' WHERE payment_id = {payment('refunded')}",
            f"UPDATE payments.payments SET refunding = 500, refunded = 0 WHERE id = {payment('refunded')}",
        ],
    ),
    Fault(
        name="payments have not heard of a refund that staff asked for",
        found="stuck.refunds",
        says="have not heard of it",
        sql=[
            (
                "INSERT INTO ordering.refunds (id, order_id, restaurant_id, amount, reason, requested_by, requested_at)"
                f" VALUES (gen_random_uuid(), {order('plain')}, gen_random_uuid(), 100, '', gen_random_uuid(), now())"
            )
        ],
    ),
)


@pytest.mark.parametrize("fault", [*EFFECTS, *FAULTS], ids=lambda fault: fault.name)
async def test_fault_is_found(scene: Scene, fault: Fault) -> None:
    """A fault of lanes, effects and stuck work is found, and nothing else is called wrong."""
    await is_found(scene, fault)

"""Effects: what each consumer has passed in the log has left its effect, and none has left it twice.

A consumer's cursor and its effect are one commit. So an event at or before the cursor that is not parked must have its
effect, whatever the time is; one that is parked must lie at or before the cursor, or it would be handled twice.
"""

from typing import NamedTuple

from comanda.audit.evidence import Evidence
from comanda.audit.report import Checked


class Effect(NamedTuple):
    """What a consumer leaves behind for an event `e`: `left` is a condition that holds then."""

    consumer: str
    event: str
    what: str
    left: str


EFFECTS = (
    Effect(
        "payments.charge",
        "ordering.OrderPlaced",
        "payment",
        "EXISTS (SELECT FROM payments.payments p WHERE p.order_id = e.key::uuid)",
    ),
    Effect(
        "payments.refunds_due",
        "ordering.OrderEnded",
        "payment that is to be given back",
        "EXISTS (SELECT FROM payments.payments p WHERE p.order_id = e.key::uuid AND p.order_ended)",
    ),
    Effect(
        "payments.refunds_due",
        "ordering.RefundRequested",
        "refund",
        "EXISTS (SELECT FROM payments.refunds r WHERE r.id = (e.payload ->> 'refund_id')::uuid)",
    ),
    Effect(
        "payments.refund",
        "payments.RefundDue",
        "refund that was sent",
        "EXISTS (SELECT FROM payments.refunds r WHERE r.id = (e.payload ->> 'refund_id')::uuid"
        " AND r.state NOT IN ('waiting', 'due'))",
    ),
    Effect(
        "kitchen.tickets",
        "ordering.OrderPaid",
        "ticket",
        "EXISTS (SELECT FROM kitchen.tickets t WHERE t.order_id = e.key::uuid)",
    ),
    Effect(
        "kitchen.tickets",
        "ordering.OrderEnded",
        "ticket that is off the board",
        "NOT EXISTS (SELECT FROM kitchen.tickets t WHERE t.order_id = e.key::uuid"
        " AND t.status NOT IN ('completed', 'rejected', 'withdrawn'))",
    ),
    Effect(
        "receipts.send",
        "ordering.OrderPaid",
        "receipt that was dealt with",
        "EXISTS (SELECT FROM receipts.receipts r WHERE r.order_id = e.key::uuid AND r.state <> 'sending')",
    ),
    Effect(
        "promotions.confirm",
        "ordering.OrderPaid",
        "redemption that is confirmed",
        "NOT EXISTS (SELECT FROM promotions.redemptions r WHERE r.order_id = e.key::uuid AND r.state = 'reserved')",
    ),
    Effect(
        "customers.history",
        "ordering.OrderPaid",
        "entry in the customer's history, or the customer's erasure",
        "(EXISTS (SELECT FROM customers.customer_orders c WHERE c.order_id = e.key::uuid)"
        " OR EXISTS (SELECT FROM engine.events x WHERE x.name = 'customers.CustomerErased'"
        " AND x.key = e.payload -> 'order' -> 'guest' ->> 'id'))",
    ),
    Effect(
        "promotions.offers",
        "campaigns.CouponsOffered",
        "offer",
        "EXISTS (SELECT FROM promotions.offers o WHERE o.campaign = e.key::integer)",
    ),
    Effect(
        "campaigns.returns",
        "campaigns.MailReturned",
        "return that was written down",
        "(EXISTS (SELECT FROM campaigns.failures f WHERE f.campaign = (e.payload ->> 'campaign')::integer"
        " AND f.recipient = (e.payload ->> 'recipient')::integer AND f.kind = e.payload ->> 'kind')"
        " OR NOT EXISTS (SELECT FROM campaigns.deliveries d WHERE d.campaign = (e.payload ->> 'campaign')::integer"
        " AND d.recipient = (e.payload ->> 'recipient')::integer))",
    ),
    Effect(
        "customers.confirmations",
        "customers.SignupAsked",
        "mail to confirm the sign-up with",
        "NOT EXISTS (SELECT FROM customers.signups s WHERE s.id = e.key::uuid AND s.state = 'asked')",
    ),
    Effect(
        "ordering.erasure",
        "customers.CustomerErased",
        "orders that name nobody",
        "NOT EXISTS (SELECT FROM ordering.orders o WHERE o.customer_id = e.key::uuid"
        " AND o.restaurant_id = (e.payload ->> 'restaurant_id')::uuid AND o.placed_at < e.at"
        " AND o.guest ->> 'email' <> '')",
    ),
    Effect(
        "kitchen.erasure",
        "ordering.GuestErased",
        "tickets that name nobody",
        "NOT EXISTS (SELECT FROM kitchen.tickets t WHERE (e.payload -> 'order_ids')::jsonb ? t.order_id::text"
        " AND t.document -> 'guest' ->> 'email' <> '')",
    ),
    Effect(
        "receipts.erasure",
        "ordering.GuestErased",
        "receipts that name nobody",
        "NOT EXISTS (SELECT FROM receipts.receipts r WHERE (e.payload -> 'order_ids')::jsonb ? r.order_id::text"
        " AND r.recipient <> '')",
    ),
    Effect(
        "campaigns.people",
        "customers.CustomersChanged",
        "people in campaigns",
        "NOT EXISTS (SELECT FROM json_array_elements_text(e.payload -> 'customer_ids') told"
        " JOIN customers.customers c ON c.id = told::uuid WHERE c.email LIKE '_%@_%'"
        " AND NOT EXISTS (SELECT FROM campaigns.people p WHERE p.id = c.id)"
        " AND NOT EXISTS (SELECT FROM campaigns.suppressions s WHERE s.customer_id = c.id AND s.why = 'erased'))",
    ),
    Effect(
        "campaigns.people",
        "customers.CustomerErased",
        "absence from campaigns",
        "NOT EXISTS (SELECT FROM campaigns.people p JOIN campaigns.suppressions s ON s.customer_id = p.id"
        " WHERE p.id = e.key::uuid AND s.why = 'erased')",
    ),
    Effect(
        "campaigns.people_orders",
        "ordering.OrderPaid",
        "order counted for campaigns",
        "(EXISTS (SELECT FROM campaigns.people_orders o WHERE o.order_id = e.key::uuid)"
        " OR e.payload #>> '{order,guest,email}' NOT LIKE '_%@_%'"
        " OR EXISTS (SELECT FROM campaigns.suppressions s WHERE s.why = 'erased'"
        " AND s.customer_id = (e.payload #>> '{order,guest,id}')::uuid))",
    ),
    Effect(
        "campaigns.people_orders",
        "payments.PaymentRefunded",
        "refund counted for campaigns",
        "(EXISTS (SELECT FROM campaigns.people_orders o WHERE o.order_id = e.key::uuid"
        " AND o.refunded >= (e.payload ->> 'refunded_in_all')::bigint)"
        " OR EXISTS (SELECT FROM campaigns.early_refunds r WHERE r.order_id = e.key::uuid"
        " AND r.refunded >= (e.payload ->> 'refunded_in_all')::bigint)"
        " OR NOT EXISTS (SELECT FROM campaigns.people_orders o WHERE o.order_id = e.key::uuid))",
    ),
    Effect(
        "ordering.payments",
        "payments.PaymentCaptured",
        "payment in the order's timeline",
        "EXISTS (SELECT FROM ordering.timeline t WHERE t.order_id = e.key::uuid AND t.what = 'paid')",
    ),
    Effect(
        "ordering.payments",
        "payments.PaymentFailed",
        "order whose payment has failed",
        "NOT EXISTS (SELECT FROM ordering.orders o WHERE o.id = e.key::uuid AND o.status = 'placed')",
    ),
    Effect(
        "ordering.payments",
        "payments.PaymentRefunded",
        "refund in the order's timeline",
        "EXISTS (SELECT FROM ordering.timeline t WHERE t.order_id = e.key::uuid AND t.what = 'refund_done'"
        " AND t.reference = e.payload ->> 'refund_id')",
    ),
    Effect(
        "ordering.kitchen",
        "kitchen.TicketOpened",
        "ticket in the order's timeline",
        "EXISTS (SELECT FROM ordering.timeline t WHERE t.order_id = e.key::uuid AND t.what = 'ticket_opened')",
    ),
    Effect(
        "ordering.receipts",
        "receipts.ReceiptSent",
        "receipt in the order's timeline",
        "EXISTS (SELECT FROM ordering.timeline t WHERE t.order_id = e.key::uuid AND t.what = 'receipt_sent')",
    ),
)

PASSED = """
FROM engine.events e JOIN engine.cursors c ON c.consumer = '{consumer}' AND c.shard = e.shard
WHERE e.name = '{event}' AND (e.position, e.id) <= (c.position, c.id)
AND NOT EXISTS (SELECT FROM engine.parked k WHERE k.consumer = c.consumer AND k.event_id = e.id)
"""

ONCE = (
    "ordering.OrderPlaced",
    "ordering.OrderPaid",
    "payments.PaymentCaptured",
    "payments.PaymentFailed",
    "kitchen.TicketOpened",
    "receipts.ReceiptSent",
)
"""Facts that become true of an order once."""

FACTS = "SELECT count(*) FROM engine.events WHERE name = ANY ($1::text[])"

TWICE = """
SELECT key AS subject, format('%s is in the log %s times for this order.', name, count(*)) AS message
FROM engine.events WHERE name = ANY ($1::text[]) GROUP BY key, name HAVING count(*) > 1
"""

HISTORIES = "SELECT count(*) FROM customers.customers"

WRONG_HISTORIES = """
SELECT c.id AS subject, format('This customer is counted with %s orders, and has %s.', c.orders, coalesce(h.orders, 0))
    AS message
FROM customers.customers c
LEFT JOIN (SELECT customer_id, count(*) AS orders FROM customers.customer_orders GROUP BY customer_id) h
    ON h.customer_id = c.id
WHERE c.orders <> coalesce(h.orders, 0)
"""


async def passed_events_have_effects(evidence: Evidence) -> list[Checked]:
    """Each event that a consumer has passed has left its effect; one entry for each consumer and kind of event."""
    return [await _left(evidence, effect) for effect in EFFECTS if evidence.serves(effect.consumer)]


async def _left(evidence: Evidence, effect: Effect) -> Checked:
    passed = PASSED.format(consumer=effect.consumer, event=effect.event)
    kind = effect.event.partition(".")[2]
    return await evidence.hold(
        f"effects.{effect.consumer}.{kind}",
        f"Each {kind} that {effect.consumer} has passed left its {effect.what}.",
        of=f"SELECT count(*) {passed}",
        wrong=f"SELECT e.key AS subject, format('{effect.consumer} has passed the event %s, {kind}, which left no "
        f"{effect.what.replace(chr(39), chr(39) * 2)}.', e.id) AS message {passed} AND NOT {effect.left}",
    )


async def facts_once(evidence: Evidence) -> Checked:
    """What becomes true once is in the log once: nobody handled its cause twice."""
    says = "Facts that become true of an order once are in the log once."
    return await evidence.hold("effects.facts-once", says, of=FACTS, of_all=[ONCE], wrong=TWICE, arguments=[ONCE])


async def histories_add_up(evidence: Evidence) -> Checked:
    """A customer is counted with as many orders as were counted in."""
    says = "A customer's orders are counted once each."
    return await evidence.hold("effects.histories-add-up", says, of=HISTORIES, wrong=WRONG_HISTORIES)

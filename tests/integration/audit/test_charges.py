import pytest

from tests.integration.audit.fault import Fault, is_found, order, payment
from tests.integration.audit.scene import Scene

ANOTHER = """
INSERT INTO movements (id, kind, subject, charge, amount, currency, method, state, at)
SELECT 'ch_again', kind, {subject}, charge, amount, currency, method, state, at FROM movements
WHERE kind = 'charge' AND state = 'succeeded' LIMIT 1
"""

FIRST = "(SELECT seq FROM movements WHERE kind = 'charge' AND state = 'succeeded' ORDER BY seq LIMIT 1)"

FAULTS = (
    Fault(
        name="an order is charged twice",
        found="charges.once",
        says="was charged 2 times",
        books=[ANOTHER.format(subject="subject")],
    ),
    Fault(
        name="an order has two captured payments",
        found="charges.once",
        says="has 2 captured payments",
        also=frozenset({"charges.of-paid-orders", "effects.payments.charge.OrderPlaced"}),
        sql=[
            "ALTER TABLE payments.payments DROP CONSTRAINT payments_one_per_order",
            f"UPDATE payments.payments SET order_id = {order('plain')} WHERE order_id = {order('accepted')}",
        ],
    ),
    Fault(
        name="a charge is of no payment of ours",
        found="charges.have-orders",
        says="no payment of ours knows it",
        books=[ANOTHER.format(subject="'0190a6b0-0000-7000-8000-000000000001'")],
    ),
    Fault(
        name="a charge carries no id of ours at all",
        found="charges.have-orders",
        says="no payment of ours knows it",
        books=[ANOTHER.format(subject="'by hand'")],
    ),
    Fault(
        name="a paid order has no charge",
        found="charges.of-paid-orders",
        says="the provider has no such charge",
        books=[f"UPDATE movements SET subject = 'lost', state = 'failed' WHERE seq = {FIRST}"],
    ),
    Fault(
        name="a paid order has no captured payment",
        found="charges.of-paid-orders",
        says="has no captured payment",
        also=frozenset({"charges.are-known"}),
        sql=[
            (
                "UPDATE payments.payments SET state = 'failed', captured = 0, captured_at = NULL"
                f" WHERE id = {payment('plain')}"
            )
        ],
    ),
    Fault(
        name="another amount is charged",
        found="charges.equal-quotes",
        says="and 1 EUR were charged",
        books=[f"UPDATE movements SET amount = 1 WHERE seq = {FIRST}"],
    ),
    Fault(
        name="a payment is of another amount than its order",
        found="charges.equal-quotes",
        says="its payment is of 1 EUR",
        sql=[f"UPDATE payments.payments SET amount = 1, captured = 1 WHERE id = {payment('plain')}"],
    ),
    Fault(
        name="an order's charge was never heard of",
        found="charges.are-known",
        says="its payment is still failed",
        books=["UPDATE movements SET state = 'succeeded', reason = '' WHERE kind = 'charge' AND state = 'failed'"],
    ),
    Fault(
        name="a captured payment has not reached its order",
        found="charges.are-known",
        says="has a captured payment, and is payment_failed",
        also=frozenset({"charges.of-paid-orders", "refunds.of-ended-orders"}),
        sql=[
            (
                "UPDATE payments.payments SET state = 'captured', captured = amount, captured_at = now()"
                f" WHERE id = {payment('declined')}"
            ),
        ],
    ),
    Fault(
        name="a webhook contradicts what is known",
        found="charges.webhooks-agree",
        says="contradicted what was known",
        sql=[
            (
                "INSERT INTO payments.webhooks_received (provider, event_id, kind, subject, effect, received_at)"
                f" VALUES ('sandbox', 'evt_1', 'charge', {payment('plain')}, 'contradiction', now())"
            )
        ],
    ),
    Fault(
        name="the provider gave back what nobody asked for",
        found="refunds.match-ledger",
        says="no refund of ours knows of it",
        books=[
            (
                "INSERT INTO movements (id, kind, subject, charge, amount, currency, method, state, at)"
                " SELECT 're_again', kind, 'nobody', charge, 1, currency, method, state, at"
                " FROM movements WHERE kind = 'refund' LIMIT 1"
            )
        ],
    ),
    Fault(
        name="a refund was made twice",
        found="refunds.match-ledger",
        says="made 2 times",
        books=[
            (
                "INSERT INTO movements (id, kind, subject, charge, amount, currency, method, state, at)"
                " SELECT 're_again', kind, subject, charge, amount, currency, method, state, at"
                " FROM movements WHERE kind = 'refund' LIMIT 1"
            )
        ],
    ),
    Fault(
        name="a refund is done with us and unknown to the provider",
        found="refunds.match-ledger",
        says="at the provider it is unknown",
        books=["DELETE FROM keys", "DELETE FROM movements WHERE kind = 'refund' AND amount = 500"],
    ),
    Fault(
        name="a payment counts more refunds than it has",
        found="refunds.add-up",
        says="The payment says that",
        sql=[f"UPDATE payments.payments SET refunded = refunded + 1 WHERE id = {payment('refunded')}"],
    ),
    Fault(
        name="an order that ended keeps the guest's money",
        found="refunds.of-ended-orders",
        says="is cancelled, and of 2700 charged only 0",
        also=frozenset({"refunds.match-ledger", "effects.payments.refund.RefundDue"}),
        sql=[
            f"DELETE FROM payments.refunds WHERE payment_id = {payment('cancelled')}",
            f"UPDATE payments.payments SET refunded = 0 WHERE id = {payment('cancelled')}",
        ],
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_fault_is_found(scene: Scene, fault: Fault) -> None:
    """A fault of charges and refunds is found, and nothing else is called wrong."""
    await is_found(scene, fault)

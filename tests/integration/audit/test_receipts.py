import pytest

from tests.integration.audit.fault import Fault, audited, is_found, order
from tests.integration.audit.scene import Scene

FAULTS = (
    Fault(
        name="a paid order has no receipt",
        found="receipts.one-per-paid-order",
        says="is paid and has no receipt",
        also=frozenset({"effects.receipts.send.OrderPaid", "receipts.sent-once"}),
        sql=[f"DELETE FROM receipts.receipts WHERE order_id = {order('plain')}"],
    ),
    Fault(
        name="an order has two receipts",
        found="receipts.one-per-paid-order",
        says="has 2 receipts",
        also=frozenset({"effects.receipts.send.OrderPaid"}),
        sql=[
            "ALTER TABLE receipts.receipts DROP CONSTRAINT receipts_one_per_order",
            f"UPDATE receipts.receipts SET order_id = {order('plain')} WHERE order_id = {order('coupon')}",
        ],
    ),
    Fault(
        name="an unpaid order has a receipt",
        found="receipts.one-per-paid-order",
        says="is not there, or not paid",
        also=frozenset({"effects.receipts.send.OrderPaid"}),
        sql=[f"UPDATE receipts.receipts SET order_id = {order('declined')} WHERE order_id = {order('plain')}"],
    ),
    Fault(
        name="a receipt has arrived twice",
        found="receipts.sent-once",
        says="has arrived 2 times",
        mails=[
            (
                "INSERT INTO mails (received_at, envelope_from, envelope_to, message_id, sender, recipients, subject,"
                " preview, size, raw) SELECT received_at, envelope_from, envelope_to, message_id, sender, recipients,"
                " subject, preview, size, raw FROM mails LIMIT 1"
            )
        ],
    ),
    Fault(
        name="a receipt that was sent has not arrived",
        found="receipts.sent-once",
        says="has not arrived in the mailbox",
        mails=["DELETE FROM mails WHERE id = (SELECT min(id) FROM mails)"],
    ),
    Fault(
        name="a receipt has arrived that no order has",
        found="receipts.sent-once",
        says="no order has it",
        mails=[
            (
                "INSERT INTO mails (received_at, envelope_from, envelope_to, message_id, sender, recipients, subject,"
                " preview, size, raw) VALUES ('', '', '[]', '<receipt-of-nobody@localhost>', '', '', '', '', 0, x'00')"
            )
        ],
    ),
    Fault(
        name="a receipt is being sent for too long",
        found="stuck.receipts",
        says="is sending since",
        also=frozenset({"effects.receipts.send.OrderPaid"}),
        sql=[
            (
                "UPDATE receipts.receipts SET state = 'sending', sent_at = NULL, claimed_in = '{}'"
                f" WHERE order_id = {order('plain')}"
            )
        ],
    ),
    Fault(
        name="a paid order has no ticket",
        found="tickets.one-per-paid-order",
        says="is paid and has no ticket",
        also=frozenset({"effects.kitchen.tickets.OrderPaid"}),
        sql=[f"DELETE FROM kitchen.tickets WHERE order_id = {order('plain')}"],
    ),
    Fault(
        name="an order has two tickets",
        found="tickets.one-per-paid-order",
        says="has 2 tickets",
        also=frozenset({"effects.kitchen.tickets.OrderPaid"}),
        sql=[
            "ALTER TABLE kitchen.tickets DROP CONSTRAINT tickets_one_per_order",
            f"UPDATE kitchen.tickets SET order_id = {order('plain')} WHERE order_id = {order('coupon')}",
        ],
    ),
    Fault(
        name="an unpaid order is cooked",
        found="tickets.one-per-paid-order",
        says="is not there, or not paid",
        also=frozenset({"effects.kitchen.tickets.OrderPaid"}),
        sql=[f"UPDATE kitchen.tickets SET order_id = {order('declined')} WHERE order_id = {order('plain')}"],
    ),
    Fault(
        name="an order has not followed its ticket",
        found="tickets.stand-with-orders",
        says="is accepted, and its ticket is ready",
        sql=[f"UPDATE kitchen.tickets SET status = 'ready' WHERE order_id = {order('accepted')}"],
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_fault_is_found(scene: Scene, fault: Fault) -> None:
    """A fault of receipts and tickets is found, and nothing else is called wrong."""
    await is_found(scene, fault)


async def test_doubtful_receipts_are_listed_where_the_mailbox_is_not_ours(scene: Scene) -> None:
    """Without a record of what has arrived, a receipt that was sent again without knowing is listed."""
    (scene.settings.data / "mailbox.sqlite").unlink()
    await scene.execute(
        f"UPDATE receipts.receipts SET attempts = 2, doubtful = 1 WHERE order_id = {order('plain')}",
    )
    report = await audited(scene)
    wrong = {checked.name: checked for checked in report.invariants if checked.wrong}
    assert set(wrong) == {"receipts.sent-once"}
    assert "without knowing whether it had arrived" in wrong["receipts.sent-once"].findings[0].message

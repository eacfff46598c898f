import pytest

from tests.integration.audit.fault import Fault, is_found, order
from tests.integration.audit.scene import Scene

FAULTS = (
    Fault(
        name="a line is lost",
        found="orders.lines-add-up",
        says="and lines for",
        sql=[f"DELETE FROM ordering.order_lines WHERE order_id = {order('plain')}"],
    ),
    Fault(
        name="one key made two orders",
        found="orders.one-per-key",
        says="was made with the key of order",
        sql=[f"UPDATE ordering.orders SET idempotency_key = 'key of plain' WHERE id = {order('coupon')}"],
    ),
    Fault(
        name="two requests made one order",
        found="orders.made-by-one-request",
        says="was made by 2 requests",
        sql=[f"UPDATE ordering.attempts SET outcome = 'placed' WHERE order_id = {order('plain')}"],
    ),
    Fault(
        name="an order that is not there was answered for",
        found="orders.made-by-one-request",
        says="which is not there",
        sql=[
            (
                "INSERT INTO ordering.attempts (at, restaurant_id, order_id, outcome, key, caller)"
                " VALUES (now(), gen_random_uuid(), gen_random_uuid(), 'placed', 'k', 'guest')"
            )
        ],
    ),
    Fault(
        name="an order is not in the log",
        found="orders.placed-once-in-log",
        says="not in the log as placed",
        sql=[f"DELETE FROM engine.events WHERE name = 'ordering.OrderPlaced' AND key = {order('plain')}::text"],
    ),
    Fault(
        name="an order is in the log for another price",
        found="orders.placed-once-in-log",
        says="and 1 in the log",
        sql=[
            (
                "UPDATE engine.events SET payload = jsonb_set(payload::jsonb, '{order,quote,total}', '1')::json"
                f" WHERE name = 'ordering.OrderPlaced' AND key = {order('plain')}::text"
            )
        ],
    ),
    Fault(
        name="an order is in the log as placed twice",
        found="orders.placed-once-in-log",
        says="placed 2 times",
        also=frozenset({"effects.facts-once"}),
        sql=[
            (
                "INSERT INTO engine.events (at, position, shard, version, name, key, payload)"
                " SELECT at, position, shard, version, name, key, payload FROM engine.events"
                f" WHERE name = 'ordering.OrderPlaced' AND key = {order('plain')}::text"
            ),
            "UPDATE engine.cursors SET position = pg_snapshot_xmin(pg_current_snapshot()), id = 0",
        ],
    ),
    Fault(
        name="a paid order is not in the log as paid",
        found="orders.paid-once-in-log",
        says="not in the log as paid",
        sql=[f"DELETE FROM engine.events WHERE name = 'ordering.OrderPaid' AND key = {order('plain')}::text"],
    ),
    Fault(
        name="an order ended and the log does not say so",
        found="orders.ended-once-in-log",
        says="the log does not say so",
        sql=[f"DELETE FROM engine.events WHERE name = 'ordering.OrderEnded' AND key = {order('cancelled')}::text"],
    ),
    Fault(
        name="the log ends an order that goes on",
        found="orders.ended-once-in-log",
        says="or goes on",
        also=frozenset({"coupons.redeemed-by-orders", "stock.held-as-ordered"}),
        sql=[f"UPDATE ordering.orders SET status = 'paid' WHERE id = {order('declined')}"],
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_fault_is_found(scene: Scene, fault: Fault) -> None:
    """A fault of orders and their log is found, and nothing else is called wrong."""
    await is_found(scene, fault)

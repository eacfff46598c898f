import pytest

from tests.integration.audit.fault import Fault, is_found, order
from tests.integration.audit.scene import Scene

FAULTS = (
    Fault(
        name="stock is counted wrong",
        found="stock.within-limits",
        says="3 of 10 are reserved, and orders hold 2",
        sql=["UPDATE catalog.daily_stock SET reserved = reserved + 1"],
    ),
    Fault(
        name="more is reserved than there is",
        found="stock.within-limits",
        says="2 of 1 are reserved",
        sql=[
            "ALTER TABLE catalog.daily_stock DROP CONSTRAINT daily_stock_within_stock",
            "UPDATE catalog.daily_stock SET stock = 1",
        ],
    ),
    Fault(
        name="a slot is counted wrong",
        found="slots.within-limits",
        says="of 50 places of this slot are reserved",
        sql=["UPDATE catalog.kitchen_slots SET reserved = reserved - 1 WHERE reserved > 0"],
    ),
    Fault(
        name="an order that ended still holds stock",
        found="stock.held-by-live-orders",
        says="is cancelled, and still holds",
        sql=[
            (
                "INSERT INTO catalog.reservations (order_id, kind, thing, restaurant_id, day, quantity)"
                f" SELECT {order('cancelled')}, kind, thing, restaurant_id, day, quantity FROM catalog.reservations"
                f" WHERE kind = 'stock' AND order_id = {order('stock')}"
            ),
            "UPDATE catalog.daily_stock SET reserved = reserved + 2",
        ],
    ),
    Fault(
        name="an order that is not there holds a slot",
        found="stock.held-by-live-orders",
        says="is not there",
        sql=[
            (
                "INSERT INTO catalog.reservations (order_id, kind, thing, restaurant_id, starts_at, quantity)"
                " SELECT gen_random_uuid(), 'slot', '', restaurant_id, starts_at, 1 FROM catalog.kitchen_slots LIMIT 1"
            ),
            (
                "UPDATE catalog.kitchen_slots SET reserved = reserved + 1 WHERE (restaurant_id, starts_at) ="
                " (SELECT restaurant_id, starts_at FROM catalog.kitchen_slots LIMIT 1)"
            ),
        ],
    ),
    Fault(
        name="a live order does not hold its stock",
        found="stock.held-as-ordered",
        says="has 2 of special, and holds 0",
        sql=[
            f"DELETE FROM catalog.reservations WHERE kind = 'stock' AND order_id = {order('stock')}",
            "UPDATE catalog.daily_stock SET reserved = 0",
        ],
    ),
    Fault(
        name="a coupon is counted wrong",
        found="coupons.within-limits",
        says="orders redeem it 1 times",
        sql=["UPDATE promotions.coupons SET redeemed = redeemed + 1"],
    ),
    Fault(
        name="a coupon is redeemed beyond its limit",
        found="coupons.within-limits",
        says="redeemed 1 times of 0",
        sql=[
            "ALTER TABLE promotions.coupons DROP CONSTRAINT coupons_within_total_limit",
            "UPDATE promotions.coupons SET total_limit = 0",
        ],
    ),
    Fault(
        name="a guest is counted wrong",
        found="coupons.within-guest-limits",
        says="their orders redeem it 1 times",
        sql=["UPDATE promotions.guest_counts SET redeemed = redeemed + 1"],
    ),
    Fault(
        name="a coupon of an order that ended is not given back",
        found="coupons.redeemed-by-orders",
        says="is cancelled, and its coupon is confirmed",
        also=frozenset({"coupons.within-limits", "coupons.within-guest-limits"}),
        sql=[f"UPDATE promotions.redemptions SET state = 'confirmed' WHERE order_id = {order('cancelled')}"],
    ),
    Fault(
        name="an order has a coupon that it did not redeem",
        found="coupons.redeemed-by-orders",
        says="and has not redeemed it",
        also=frozenset({"coupons.within-limits", "coupons.within-guest-limits"}),
        sql=[f"DELETE FROM promotions.redemptions WHERE order_id = {order('coupon')}"],
    ),
    Fault(
        name="an order got another discount than it redeemed",
        found="coupons.redeemed-by-orders",
        says="it redeemed SAVE with 1",
        sql=[f"UPDATE promotions.redemptions SET discount = 1 WHERE order_id = {order('coupon')}"],
    ),
    Fault(
        name="an order that is not there redeems a coupon",
        found="coupons.redeemed-by-orders",
        says="which is not there",
        sql=[f"UPDATE promotions.redemptions SET order_id = gen_random_uuid() WHERE order_id = {order('declined')}"],
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_fault_is_found(scene: Scene, fault: Fault) -> None:
    """A fault of stock, slots and coupons is found, and nothing else is called wrong."""
    await is_found(scene, fault)

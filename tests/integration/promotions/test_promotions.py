"""Coupons as staff make and change them."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from comanda.contexts.promotions.consumers import confirmations
from comanda.contexts.promotions.demo import seed_demo
from comanda.contexts.promotions.desk import Coupons
from comanda.contexts.promotions.service import CouponTerms, Promotions
from comanda.contracts.ordering import FulfilmentDetails, GuestDetails, OrderDocument, OrderPaid, Quote
from comanda.contracts.promotions import CouponNeed
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds

RESTAURANT = UUID(int=1)
NOW = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)


def paid(order_id: UUID) -> OrderPaid:
    """Return the fact that an order with a coupon was paid."""
    quote = Quote(
        currency="EUR", lines=(), items=0, discount=0, tax=0, tax_added=0, fee=0, tip=0, total=0, coupon="FIVE"
    )
    order = OrderDocument(
        id=order_id,
        number=1,
        restaurant_id=RESTAURANT,
        restaurant_slug="r",
        restaurant_name="R",
        timezone="UTC",
        locale="en",
        placed_at=NOW,
        tracking_path="/o/x",
        guest=GuestDetails(id=UUID(int=9), name="Ana", email="ana@example.org", phone=""),
        fulfilment=FulfilmentDetails(type="pickup", asap=True, due_at=NOW),
        quote=quote,
    )
    return OrderPaid(order_id=order_id, restaurant_id=RESTAURANT, paid_at=NOW, order=order)


LIMITED = CouponTerms(kind="amount", value=500, total_limit=10)


async def test_the_demo_coupon_is_ten_percent_and_made_once(
    database: Database, clock: FakeClock, ids: SeededIds
) -> None:
    """WELCOME10 takes off a tenth, for everyone."""
    promotions = Promotions(ids)
    for _ in range(2):
        await database.run(lambda tx: seed_demo(tx, promotions, RESTAURANT))
    found = await Coupons(database, clock).find(RESTAURANT, "welcome10")
    assert found is not None
    assert (found.kind, found.value, found.total_limit, found.guest_limit) == ("percentage", 1000, None, None)
    assert await database.fetch_value("SELECT count(*) FROM promotions.coupons") == 1


async def test_limits_move_but_what_a_coupon_gives_stays(database: Database, clock: FakeClock, ids: SeededIds) -> None:
    """A limit can be raised, and lowered to what is redeemed; value and kind are promises."""
    promotions, desk = Promotions(ids), Coupons(database, clock)
    await database.run(lambda tx: promotions.put(tx, RESTAURANT, "five", LIMITED))
    coupon = await desk.find(RESTAURANT, "FIVE")
    assert coupon is not None
    needs = [CouponNeed(order_id=ids.new(), coupon_id=coupon.id, customer_id=ids.new(), discount=500) for _ in range(3)]
    async with database.transaction() as tx:
        await desk.reserve(tx, needs)
    await database.run(
        lambda tx: promotions.put(tx, RESTAURANT, "FIVE", msgspec.structs.replace(LIMITED, total_limit=3))
    )
    wrong: tuple[dict[str, int | None], ...] = (
        {"total_limit": 2},
        {"total_limit": None},
        {"guest_limit": 1},
        {"value": 600},
    )
    for members in wrong:
        with pytest.raises(Refused) as refused:
            async with database.transaction() as tx:
                await promotions.put(tx, RESTAURANT, "FIVE", msgspec.structs.replace(LIMITED, **members))
        assert refused.value.code == "coupon-terms-fixed"
    async with database.transaction() as tx:
        await desk.release(tx, needs[0].order_id)
        (report,) = await promotions.all_of(tx, RESTAURANT)
    assert (report.code, report.redeemed, report.terms.total_limit) == ("FIVE", 2, 3)


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("", LIMITED),
        ("a/b", LIMITED),
        ("A\x00", LIMITED),
        ("ÉTÉ", LIMITED),
        ("X" * 41, LIMITED),
        ("X", CouponTerms(kind="percentage", value=10_001)),
        ("X", CouponTerms(kind="percentage")),
        ("X", CouponTerms(kind="free_item")),
        ("X", CouponTerms(kind="amount", value=1, item_id="soup")),
    ],
)
async def test_coupons_that_make_no_sense_are_refused_in_words(
    database: Database, ids: SeededIds, code: str, terms: CouponTerms
) -> None:
    """Nothing is stored, and the database is never the one to complain."""
    with pytest.raises(Refused) as refused:
        await database.run(lambda tx: Promotions(ids).put(tx, RESTAURANT, code, terms))
    assert refused.value.kind == "invalid"


async def test_a_payment_confirms_what_was_reserved_and_not_what_was_released(
    database: Database, clock: FakeClock, ids: SeededIds
) -> None:
    """A redemption that was given back stays given back."""
    consumer = confirmations()
    assert consumer.handle is not None
    promotions, desk = Promotions(ids), Coupons(database, clock)
    await database.run(lambda tx: promotions.put(tx, RESTAURANT, "five", LIMITED))
    coupon = await desk.find(RESTAURANT, "FIVE")
    assert coupon is not None
    needs = [CouponNeed(order_id=ids.new(), coupon_id=coupon.id, customer_id=ids.new(), discount=500) for _ in range(2)]
    async with database.transaction() as tx:
        await desk.reserve(tx, needs)
        await desk.release(tx, needs[1].order_id)
        for need in needs:
            await consumer.handle(tx, paid(need.order_id))
    rows = await database.fetch("SELECT state FROM promotions.redemptions ORDER BY order_id")
    assert [row["state"] for row in rows] == ["confirmed", "released"]

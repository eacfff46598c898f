"""An order's life on a real database: each move once, and what it held given back with it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from comanda.contexts.ordering.consumers import Followers
from comanda.contexts.ordering.life import OrderUnknown
from comanda.contracts.catalog import Trading
from comanda.contracts.kitchen import TicketMoved
from comanda.contracts.payments import PaymentCaptured, PaymentFailed, PaymentRefunded
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Refused
from comanda.engine.idempotency import Answer
from tests.fakes.clock import FakeClock
from tests.fakes.shop import RESTAURANT, Shop, add_coupon, identity, open_shop, order_form, outcomes

PAYMENT = UUID(int=99)
MEMBER = UUID(int=5)


@pytest.fixture
async def shop(database: Database, clock: FakeClock) -> AsyncIterator[Shop]:
    """A shop whose kitchen has slots."""
    async with open_shop(database, clock, trading=Trading(slot_capacity=50)) as opened:
        yield opened


@pytest.fixture
def followers(shop: Shop, clock: FakeClock) -> Followers:
    """Ordering's handlers."""
    return Followers(shop.parts.life, clock)


async def placed(shop: Shop) -> UUID:
    """Place an order that holds a coupon, stock and a slot."""
    await add_coupon(shop.database, "HOLD", total=10)
    return identity(await shop.place(order_form(coupon="HOLD", lines=[{"item": "special", "quantity": 2}])))


async def held(shop: Shop) -> tuple[int, int, int]:
    """Return redemptions, stock and slots that are reserved now."""
    coupon = await shop.database.fetch_value("SELECT redeemed FROM promotions.coupons")
    stock = await shop.database.fetch_value("SELECT coalesce(sum(reserved), 0)::int FROM catalog.daily_stock")
    slots = await shop.database.fetch_value("SELECT coalesce(sum(reserved), 0)::int FROM catalog.kitchen_slots")
    return coupon, stock, slots


async def status_of(shop: Shop, order_id: UUID) -> str:
    """Return an order's status."""
    status: str = await shop.database.fetch_value("SELECT status FROM ordering.orders WHERE id = $1", order_id)
    return status


async def facts(shop: Shop) -> list[str]:
    """Return the names of the events so far."""
    return [row["name"] for row in await shop.database.fetch("SELECT name FROM engine.events ORDER BY id")]


def captured(order_id: UUID, clock: FakeClock) -> PaymentCaptured:
    """Return the provider's word."""
    return PaymentCaptured(order_id=order_id, payment_id=PAYMENT, amount=2700, currency="EUR", captured_at=clock.now())


async def test_a_captured_payment_makes_the_order_paid_once(shop: Shop, followers: Followers, clock: FakeClock) -> None:
    """The provider's word, told twice, moves the order once and says so once."""
    order_id = await placed(shop)
    for _ in range(2):
        async with shop.database.transaction() as tx:
            await followers.follow_payment(tx, captured(order_id, clock))
    assert await status_of(shop, order_id) == "paid"
    assert (await facts(shop)).count("ordering.OrderPaid") == 1
    assert await held(shop) == (1, 2, 1)


async def test_a_failed_payment_gives_everything_back(shop: Shop, followers: Followers) -> None:
    """Coupon, stock and slot are free again, in the transaction of the failure; twice gives back once."""
    order_id = await placed(shop)
    assert await held(shop) == (1, 2, 1)
    for _ in range(2):
        async with shop.database.transaction() as tx:
            failed = PaymentFailed(order_id=order_id, payment_id=PAYMENT, reason="declined")
            await followers.follow_payment(tx, failed)
    assert await status_of(shop, order_id) == "payment_failed"
    assert await held(shop) == (0, 0, 0)
    assert (await facts(shop)).count("ordering.OrderPaymentFailed") == 1


async def test_after_a_failed_payment_the_same_form_is_a_new_order(shop: Shop, followers: Followers) -> None:
    """A guest whose card was declined is not asked whether they want it twice."""
    form = order_form()
    first = identity(await shop.place(form, key="k1"))
    async with shop.database.transaction() as tx:
        await followers.follow_payment(tx, PaymentFailed(order_id=first, payment_id=PAYMENT, reason="declined"))
    second = await shop.place(form, key="k2")
    assert not second.replayed
    assert identity(second) != first


async def test_a_payment_that_comes_too_late_revives_nothing(
    shop: Shop, followers: Followers, clock: FakeClock
) -> None:
    """An order that was cancelled while it was being charged stays cancelled; its timeline shows the charge."""
    order_id = await placed(shop)
    await shop.parts.ordering.cancel(RESTAURANT, order_id, "closed early", member_id=MEMBER, key=None)
    async with shop.database.transaction() as tx:
        await followers.follow_payment(tx, captured(order_id, clock))
    assert await status_of(shop, order_id) == "cancelled"
    assert "ordering.OrderPaid" not in await facts(shop)
    proof = (await shop.parts.ordering.for_staff(RESTAURANT, order_id)).proof
    assert (proof.orders, proof.charges) == (1, 1)


async def test_two_at_once_cannot_both_move_it(shop: Shop, followers: Followers, clock: FakeClock) -> None:
    """The kitchen rejects and staff cancel in the same instant: one wins, and everything is given back once."""
    order_id = await placed(shop)
    async with shop.database.transaction() as tx:
        await followers.follow_payment(tx, captured(order_id, clock))

    async def reject(tx: Transaction) -> None:
        moved = TicketMoved(order_id=order_id, restaurant_id=RESTAURANT, status="rejected", reason="no dough")
        await followers.follow_kitchen(tx, moved)

    async def cancel() -> Answer:
        return await shop.parts.ordering.cancel(RESTAURANT, order_id, "guest called", member_id=MEMBER, key=None)

    await asyncio.gather(shop.database.run(reject), cancel(), return_exceptions=True)
    assert await status_of(shop, order_id) in {"rejected", "cancelled"}
    assert (await facts(shop)).count("ordering.OrderEnded") == 1
    assert await held(shop) == (0, 0, 0)


async def test_a_move_from_a_version_that_has_passed_is_not_made(shop: Shop, clock: FakeClock) -> None:
    """Whoever looked at an older version moves nothing."""
    order_id = await placed(shop)
    async with shop.database.transaction() as tx:
        assert await shop.parts.life.move(tx, order_id, "paid", at=clock.now(), expected_version=1) is not None
        assert await shop.parts.life.move(tx, order_id, "accepted", at=clock.now(), expected_version=1) is None
        assert await shop.parts.life.move(tx, order_id, "accepted", at=clock.now(), expected_version=2) is not None


async def test_an_unknown_order_is_told(shop: Shop, clock: FakeClock) -> None:
    """A move of nothing is an error, so that its event is parked and seen."""
    async with shop.database.transaction() as tx:
        with pytest.raises(OrderUnknown):
            await shop.parts.life.move(tx, UUID(int=1), "paid", at=clock.now())


async def paid(shop: Shop, followers: Followers, clock: FakeClock) -> UUID:
    """Place and pay an order of 27.00."""
    order_id = await placed(shop)
    async with shop.database.transaction() as tx:
        await followers.follow_payment(tx, captured(order_id, clock))
    return order_id


async def test_a_refund_is_asked_for_once(shop: Shop, followers: Followers, clock: FakeClock) -> None:
    """Ten clicks on refund, with one key or with none, ask the provider once."""
    order_id = await paid(shop, followers, clock)
    refund = shop.parts.ordering.refund
    for key in ("k", None):
        answers = await asyncio.gather(
            *(refund(RESTAURANT, order_id, 500, f"cold {key}", member_id=MEMBER, key=key) for _ in range(10))
        )
        assert len({answer.body for answer in answers}) == 1
        assert sum(not answer.replayed for answer in answers) == 1
    assert (await facts(shop)).count("ordering.RefundRequested") == 2
    assert await shop.count("ordering.refunds") == 2


async def test_no_more_is_given_back_than_was_paid(shop: Shop, followers: Followers, clock: FakeClock) -> None:
    """Twenty different refunds at once, together more than the total: the sum stays within it."""
    order_id = await paid(shop, followers, clock)
    results = await asyncio.gather(
        *(
            shop.parts.ordering.refund(RESTAURANT, order_id, 500, f"reason {n}", member_id=MEMBER, key=f"k{n}")
            for n in range(20)
        ),
        return_exceptions=True,
    )
    assert len(outcomes(results, Answer)) == 5
    assert {refused.code for refused in outcomes(results, Refused)} == {"refund-too-large"}
    assert await shop.database.fetch_value("SELECT sum(amount) FROM ordering.refunds") == 2500
    rest = await shop.parts.ordering.refund(RESTAURANT, order_id, None, "the rest", member_id=MEMBER, key="rest")
    assert rest.status == 202
    assert await shop.database.fetch_value("SELECT sum(amount) FROM ordering.refunds") == 2700


async def test_money_given_back_whole_makes_it_refunded(shop: Shop, followers: Followers, clock: FakeClock) -> None:
    """Parts are counted; the whole ends the order's life; news that comes twice or late changes nothing."""
    order_id = await paid(shop, followers, clock)

    def refunded(amount: int, in_all: int) -> PaymentRefunded:
        return PaymentRefunded(
            order_id=order_id,
            payment_id=PAYMENT,
            refund_id=UUID(int=in_all),
            amount=amount,
            refunded_in_all=in_all,
            captured=2700,
            currency="EUR",
        )

    for event, status in (
        (refunded(700, 700), "paid"),
        (refunded(2000, 2700), "refunded"),
        (refunded(700, 700), "refunded"),
    ):
        async with shop.database.transaction() as tx:
            await followers.follow_payment(tx, event)
        assert await status_of(shop, order_id) == status
    assert await shop.database.fetch_value("SELECT refunded FROM ordering.orders") == 2700


async def test_another_restaurants_staff_see_and_change_nothing(shop: Shop) -> None:
    """An order is its own restaurant's."""
    order_id = await placed(shop)
    elsewhere = UUID(int=8)
    for attempt in (
        shop.parts.ordering.for_staff(elsewhere, order_id),
        shop.parts.ordering.cancel(elsewhere, order_id, "", member_id=MEMBER, key=None),
        shop.parts.ordering.refund(elsewhere, order_id, 1, "", member_id=MEMBER, key=None),
    ):
        with pytest.raises(Refused) as caught:
            await attempt
        assert caught.value.kind == "not_found"
    assert await status_of(shop, order_id) == "placed"

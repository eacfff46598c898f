"""Coupons: limits exact under contention, given back once."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from comanda.contexts.promotions.desk import Coupons
from comanda.contracts.promotions import CouponNeed
from comanda.engine.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds

RESTAURANT = UUID(int=1)

INSERT = """
INSERT INTO promotions.coupons (id, restaurant_id, code, kind, value, total_limit, guest_limit)
VALUES ($1, $2, $3, 'percentage', 1000, $4, $5)
"""

REDEEMED = "SELECT redeemed FROM promotions.coupons WHERE id = $1"


async def coupon_row(database: Database, number: int, total: int | None = None, guest: int | None = None) -> UUID:
    """Insert a coupon called C<number> and return its id."""
    id_ = UUID(int=number)
    await database.fetch(INSERT, id_, RESTAURANT, f"C{number}", total, guest)
    return id_


@pytest.fixture
def desk(database: Database, clock: FakeClock) -> Coupons:
    """The desk under test."""
    return Coupons(database, clock)


@pytest.mark.slow  # A thousand tries, for a few do not collide.
async def test_a_thousand_tries_on_a_limit_of_a_hundred_give_a_hundred(
    database: Database, desk: Coupons, ids: SeededIds
) -> None:
    """In groups of one and of many, over two coupons asked for in both orders: exact, and no deadlock."""
    coupons = [await coupon_row(database, 1, total=100), await coupon_row(database, 2, total=100)]
    refused: dict[UUID, str] = {}

    async def attempt(number: int, size: int) -> None:
        order = coupons if number % 2 else coupons[::-1]
        needs = [
            CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=ids.new(), discount=100)
            for coupon in order
            for _ in range(size)
        ]
        async with database.transaction() as tx:
            refused.update(await desk.reserve(tx, needs))

    sizes = [1] * 200 + [40] * 20
    await asyncio.gather(*(attempt(number, size) for number, size in enumerate(sizes)))
    assert set(refused.values()) == {"total"}
    assert len(refused) == 2000 - 200
    for coupon in coupons:
        assert await database.fetch_value(REDEEMED, coupon) == 100
        assert (
            await database.fetch_value("SELECT count(*) FROM promotions.redemptions WHERE coupon_id = $1", coupon)
            == 100
        )


async def test_a_guests_limit_holds_under_contention(database: Database, desk: Coupons, ids: SeededIds) -> None:
    """One guest who tries a hundred times at once gets it twice; others are not hindered."""
    coupon = await coupon_row(database, 1, guest=2)
    greedy = ids.new()
    refused: dict[UUID, str] = {}

    async def attempt() -> None:
        needs = [
            CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=customer, discount=1)
            for customer in (greedy, ids.new(), greedy)
        ]
        async with database.transaction() as tx:
            refused.update(await desk.reserve(tx, needs))

    await asyncio.gather(*(attempt() for _ in range(50)))
    assert set(refused.values()) == {"guest"}
    assert len(refused) == 98
    assert await database.fetch_value(REDEEMED, coupon) == 52


async def test_needs_are_granted_in_the_order_in_which_they_are_given(
    database: Database, desk: Coupons, ids: SeededIds
) -> None:
    """Of three with room for two, the third goes without."""
    coupon = await coupon_row(database, 1, total=2)
    needs = [CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=ids.new(), discount=1) for _ in range(3)]
    async with database.transaction() as tx:
        assert await desk.reserve(tx, needs) == {needs[2].order_id: "total"}


async def test_what_is_released_twice_is_given_back_once(database: Database, desk: Coupons, ids: SeededIds) -> None:
    """Cancelling at the same time and again makes room for one, in all and for the guest."""
    coupon = await coupon_row(database, 1, total=1, guest=1)
    need = CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=ids.new(), discount=1)
    async with database.transaction() as tx:
        assert await desk.reserve(tx, [need]) == {}

    async def cancel() -> None:
        async with database.transaction() as tx:
            await desk.release(tx, need.order_id)

    await asyncio.gather(*(cancel() for _ in range(10)))
    assert await database.fetch_value(REDEEMED, coupon) == 0
    again = [
        CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=need.customer_id, discount=1) for _ in range(2)
    ]
    async with database.transaction() as tx:
        assert await desk.reserve(tx, again) == {again[1].order_id: "total"}


async def test_what_is_undone_leaves_no_trace(database: Database, desk: Coupons, ids: SeededIds) -> None:
    """An order that was not made after all leaves neither a redemption nor a count, and its neighbours keep theirs."""
    coupons = [await coupon_row(database, 1, total=5, guest=2), await coupon_row(database, 2)]
    needs = [
        CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=UUID(int=8), discount=1)
        for coupon in coupons
        for _ in range(2)
    ]
    async with database.transaction() as tx:
        assert await desk.reserve(tx, needs) == {}
        await desk.undo(tx, [needs[0].order_id, needs[2].order_id, ids.new()])
    left = await database.fetch("SELECT order_id, state FROM promotions.redemptions ORDER BY order_id")
    assert [tuple(row.values()) for row in left] == [(needs[n].order_id, "reserved") for n in (1, 3)]
    assert await database.fetch_value(REDEEMED, coupons[0]) == 1
    assert await database.fetch_value("SELECT redeemed FROM promotions.guest_counts") == 1


async def test_a_coupon_without_limits_makes_nobody_wait(database: Database, desk: Coupons, ids: SeededIds) -> None:
    """Two open transactions redeem the same coupon side by side, and both count."""
    coupon = await coupon_row(database, 1)
    assert await desk.find(RESTAURANT, "c1") is not None
    needs = [CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=ids.new(), discount=1) for _ in range(2)]
    async with database.transaction() as one, database.transaction() as other:
        assert await desk.reserve(one, needs[:1]) == {}
        assert await asyncio.wait_for(desk.reserve(other, needs[1:]), 5) == {}
    assert await database.fetch_value("SELECT count(*) FROM promotions.redemptions") == 2


async def test_an_order_redeems_once(database: Database, desk: Coupons, ids: SeededIds) -> None:
    """The database refuses a second redemption by the same order."""
    coupon = await coupon_row(database, 1)
    need = CouponNeed(order_id=ids.new(), coupon_id=coupon, customer_id=ids.new(), discount=1)
    async with database.transaction() as tx:
        await desk.reserve(tx, [need])
    with pytest.raises(asyncpg.UniqueViolationError):
        async with database.transaction() as tx:
            await desk.reserve(tx, [need])


async def test_codes_are_found_however_they_are_typed_and_are_fresh_after_a_second(
    database: Database, desk: Coupons, clock: FakeClock
) -> None:
    """Case and blanks do not matter; a coupon that was made just now is found a second later at most."""
    assert await desk.find(RESTAURANT, "c 7") is None
    id_ = await coupon_row(database, 7)
    assert await desk.find(RESTAURANT, "c7") is None
    clock.advance(1.0)
    found = await desk.find(RESTAURANT, " c\t7 ")
    assert found is not None
    assert found.id == id_
    assert await desk.find(UUID(int=2), "c7") is None
    assert await desk.find(RESTAURANT, "C7\x00") is None


async def test_the_database_alone_keeps_a_coupon_within_its_limits(database: Database) -> None:
    """Whoever goes past Python is refused by a CHECK."""
    coupon = await coupon_row(database, 1, total=1)
    with pytest.raises(asyncpg.CheckViolationError):
        await database.fetch("UPDATE promotions.coupons SET redeemed = 2 WHERE id = $1", coupon)
    with pytest.raises(asyncpg.CheckViolationError):
        await database.fetch("INSERT INTO promotions.guest_counts VALUES ($1, $2, 1, 2)", coupon, UUID(int=9))

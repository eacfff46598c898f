"""Coupons found and reserved: the port `contracts.promotions.CouponDesk`.

A coupon without limits costs one statement for however many orders, and no lock that anyone waits for. One with
limits has its row locked once per group; the needs are then granted one after another, in plain Python. Whether a
coupon has limits never changes, so the copy in memory can tell; how high they are is read under the lock.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from comanda.contexts.promotions import store
from comanda.contexts.promotions.codes import CODE, folded_code
from comanda.contexts.promotions.offers import ReadCode, coupon_of
from comanda.contracts.promotions import Coupon, CouponNeed
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction

FRESH_S = 1.0
"""How long a copy of a coupon is used before it is read again, in seconds."""

MAX_KEPT = 4_096
"""Codes kept in memory, unknown ones among them; beyond it the one that was read longest ago is dropped."""


class Coupons:
    """Finds and reserves coupons.

    Args:
        database: where they are read, outside of transactions.
        clock: tells when a copy is too old.
        read_code: knows the codes that campaigns give to their recipients.
    """

    def __init__(self, database: Database, clock: Clock, read_code: ReadCode = lambda _: None) -> None:
        self._database = database
        self._clock = clock
        self._read_code = read_code
        self._kept: OrderedDict[tuple[UUID, str], tuple[float, Coupon | None]] = OrderedDict()
        self._unlimited: OrderedDict[UUID, None] = OrderedDict()

    async def find(self, restaurant_id: UUID, code: str) -> Coupon | None:
        """Return the coupon of that code (case and white space do not matter), or None; may be a second old."""
        folded = folded_code(code)
        if not CODE.fullmatch(folded):
            return None
        key = (restaurant_id, folded)
        now = self._clock.monotonic()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < FRESH_S:
            return kept[1]
        coupon = await store.find(self._database, restaurant_id, folded)
        own = self._read_code(folded) if coupon is None else None
        if own is not None:
            campaign, spelling = own
            coupon = await coupon_of(self._database, restaurant_id, spelling, campaign)
        self._kept[key] = (now, coupon)
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        if coupon is not None and coupon.total_limit is None and coupon.guest_limit is None:
            self._unlimited[coupon.id] = None
            if len(self._unlimited) > MAX_KEPT:
                self._unlimited.popitem(last=False)
        return coupon

    async def reserve(self, tx: Transaction, needs: Sequence[CouponNeed]) -> dict[UUID, Literal["total", "guest"]]:
        """Reserve; return, for each order that could not have it, which limit was reached."""
        if not needs:
            return {}
        unknown = {need.coupon_id for need in needs} - self._unlimited.keys()
        limits = await store.lock_limited(tx, unknown) if unknown else {}
        if not limits:
            await store.redeem(tx, needs)
            return {}
        per_guest = {id_: limit.guest for id_, limit in limits.items() if limit.guest is not None}
        asked = {(need.coupon_id, need.customer_id) for need in needs if need.coupon_id in per_guest}
        guests = await store.guest_counts(tx, asked) if asked else {}
        refused, granted = _granted(needs, limits, guests)
        if granted:
            await store.redeem(tx, granted)
            await store.count(tx, dict(Counter(need.coupon_id for need in granted if need.coupon_id in limits)))
            times = Counter((need.coupon_id, need.customer_id) for need in granted if need.coupon_id in per_guest)
            if times:
                await store.count_guests(tx, dict(times), per_guest)
        return refused

    async def release(self, tx: Transaction, order_id: UUID) -> None:
        """Give back what the order redeemed. Doing it twice gives back once."""
        await self.release_all(tx, [order_id])

    async def release_all(self, tx: Transaction, order_ids: Sequence[UUID]) -> None:
        """Give back what these orders redeemed, with the same few statements however many they are."""
        if not order_ids:
            return
        held = await store.coupons_of(tx, order_ids)
        # The coupons' rows first, as in `reserve`: whoever holds them holds the guests' counts too.
        limits = await store.lock_limited(tx, held) if held else {}
        await _uncount(tx, await store.release(tx, order_ids), limits)

    async def undo(self, tx: Transaction, order_ids: Sequence[UUID]) -> None:
        """Take back what `reserve` did for these orders in this very transaction: they were not made after all.

        Unlike what is released, this leaves no redemption behind: there is no order that it could belong to.
        """
        if not order_ids:
            return
        erased = await store.erase(tx, order_ids)
        limits = await store.lock_limited(tx, {coupon_id for coupon_id, _ in erased}) if erased else {}
        await _uncount(tx, erased, limits)


async def _uncount(tx: Transaction, gone: Sequence[store.GuestKey], limits: dict[UUID, store.Limits]) -> None:
    """Count redemptions out of the counters of coupons whose rows are locked; those without limits have none."""
    times = Counter(coupon_id for coupon_id, _ in gone if coupon_id in limits)
    if times:
        await store.count(tx, {coupon_id: -number for coupon_id, number in times.items()})
    guests = Counter(key for key in gone if key[0] in limits and limits[key[0]].guest is not None)
    if guests:
        await store.uncount_guests(tx, dict(guests))


def _granted(
    needs: Sequence[CouponNeed], limits: dict[UUID, store.Limits], guests: dict[store.GuestKey, int]
) -> tuple[dict[UUID, Literal["total", "guest"]], list[CouponNeed]]:
    """Return who is refused and why, and who is granted, in the order of the needs."""
    redeemed = {id_: limit.redeemed for id_, limit in limits.items()}
    refused: dict[UUID, Literal["total", "guest"]] = {}
    granted: list[CouponNeed] = []
    for need in needs:
        limit = limits.get(need.coupon_id)
        if limit is not None:
            key = (need.coupon_id, need.customer_id)
            if limit.total is not None and redeemed[need.coupon_id] >= limit.total:
                refused[need.order_id] = "total"
                continue
            if limit.guest is not None and guests.get(key, 0) >= limit.guest:
                refused[need.order_id] = "guest"
                continue
            redeemed[need.coupon_id] += 1
            guests[key] = guests.get(key, 0) + 1
        granted.append(need)
    return refused, granted

"""The SQL of coupons and redemptions."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from comanda.contracts.promotions import Coupon, CouponNeed
from comanda.engine.database import Database, Record, Transaction

COLUMNS = """id, restaurant_id, code, kind, value, item_id, minimum, starts_at, ends_at,
    total_limit, guest_limit, active"""

FIND = f"SELECT {COLUMNS} FROM promotions.coupons WHERE restaurant_id = $1 AND code = $2"

INSERT = f"""
INSERT INTO promotions.coupons ({COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (restaurant_id, code) DO NOTHING
"""

LOCKED = f"SELECT {COLUMNS}, redeemed FROM promotions.coupons WHERE restaurant_id = $1 AND code = $2 FOR NO KEY UPDATE"

CHANGE = """
UPDATE promotions.coupons SET starts_at = $2, ends_at = $3, total_limit = $4, guest_limit = $5, active = $6
WHERE id = $1
"""

ALL_OF = f"""
SELECT {COLUMNS},
    (SELECT count(*) FROM promotions.redemptions AS r WHERE r.coupon_id = coupons.id AND r.state <> 'released')
        AS in_use
FROM promotions.coupons WHERE restaurant_id = $1 ORDER BY id DESC LIMIT 1000
"""

LOCK_LIMITED = """
SELECT id, total_limit, guest_limit, redeemed FROM promotions.coupons
WHERE id = ANY($1) AND (total_limit IS NOT NULL OR guest_limit IS NOT NULL)
ORDER BY id FOR NO KEY UPDATE
"""
"""`NO KEY`, so that the foreign keys of redemptions do not wait for it."""

GUESTS = """
SELECT coupon_id, customer_id, redeemed FROM promotions.guest_counts
WHERE (coupon_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""

REDEEM = """
INSERT INTO promotions.redemptions (order_id, coupon_id, customer_id, discount)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
"""

COUNT = """
UPDATE promotions.coupons SET redeemed = coupons.redeemed + counted.times
FROM unnest($1::uuid[], $2::integer[]) AS counted (coupon_id, times)
WHERE coupons.id = counted.coupon_id
"""

COUNT_GUESTS = """
INSERT INTO promotions.guest_counts AS held (coupon_id, customer_id, redeemed, guest_limit)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[])
ON CONFLICT (coupon_id, customer_id)
DO UPDATE SET redeemed = held.redeemed + excluded.redeemed,
              guest_limit = excluded.guest_limit
"""

COUPONS_OF = "SELECT DISTINCT coupon_id FROM promotions.redemptions WHERE order_id = ANY($1) AND state <> 'released'"

RELEASE = """
UPDATE promotions.redemptions SET state = 'released' WHERE order_id = ANY($1) AND state <> 'released'
RETURNING coupon_id, customer_id
"""

ERASE = "DELETE FROM promotions.redemptions WHERE order_id = ANY($1) RETURNING coupon_id, customer_id"

UNCOUNT_GUEST = """
UPDATE promotions.guest_counts SET redeemed = redeemed - $3
WHERE coupon_id = $1 AND customer_id = $2 AND redeemed >= $3
"""

CONFIRM = "UPDATE promotions.redemptions SET state = 'confirmed' WHERE order_id = $1 AND state = 'reserved'"


class Limits(NamedTuple):
    """A coupon's limits, and how often it was redeemed, read under the lock of its row."""

    total: int | None
    guest: int | None
    redeemed: int


GuestKey = tuple[UUID, UUID]
"""Coupon and customer."""


def coupon_of(row: Record) -> Coupon:
    """Return the coupon that a row of `COLUMNS` holds."""
    return Coupon(
        id=row["id"],
        restaurant_id=row["restaurant_id"],
        code=row["code"],
        kind=row["kind"],
        value=row["value"],
        item_id=row["item_id"],
        minimum=row["minimum"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        total_limit=row["total_limit"],
        guest_limit=row["guest_limit"],
        active=row["active"],
    )


async def find(database: Database, restaurant_id: UUID, code: str) -> Coupon | None:
    """Return the coupon of that folded code, or None."""
    row = await database.fetch_row(FIND, restaurant_id, code)
    return coupon_of(row) if row is not None else None


async def insert(tx: Transaction, coupon: Coupon) -> bool:
    """Insert a coupon; return whether its code was free."""
    inserted = await tx.execute(
        INSERT,
        coupon.id,
        coupon.restaurant_id,
        coupon.code,
        coupon.kind,
        coupon.value,
        coupon.item_id,
        coupon.minimum,
        coupon.starts_at,
        coupon.ends_at,
        coupon.total_limit,
        coupon.guest_limit,
        coupon.active,
    )
    return inserted == 1


async def locked(tx: Transaction, restaurant_id: UUID, code: str) -> tuple[Coupon, int]:
    """Lock an existing coupon; return it and how often it was redeemed (0 where it has no limit)."""
    (row,) = await tx.fetch(LOCKED, restaurant_id, code)
    return coupon_of(row), row["redeemed"]


async def change(tx: Transaction, coupon: Coupon) -> None:
    """Change when a coupon is valid and how high its limits are."""
    await tx.execute(
        CHANGE, coupon.id, coupon.starts_at, coupon.ends_at, coupon.total_limit, coupon.guest_limit, coupon.active
    )


async def all_of(tx: Transaction, restaurant_id: UUID) -> list[tuple[Coupon, int]]:
    """Return the restaurant's coupons and how often each is in use, newest first."""
    return [(coupon_of(row), row["in_use"]) for row in await tx.fetch(ALL_OF, restaurant_id)]


async def lock_limited(tx: Transaction, coupon_ids: Iterable[UUID]) -> dict[UUID, Limits]:
    """Lock those of the coupons that have a limit, sorted by id; return their limits."""
    rows = await tx.fetch(LOCK_LIMITED, sorted(coupon_ids))
    return {row["id"]: Limits(row["total_limit"], row["guest_limit"], row["redeemed"]) for row in rows}


async def guest_counts(tx: Transaction, guests: Iterable[GuestKey]) -> dict[GuestKey, int]:
    """Return how often these guests have redeemed these coupons, whose rows are locked; who never has is left out."""
    keys = list(guests)
    rows = await tx.fetch(GUESTS, [coupon for coupon, _ in keys], [customer for _, customer in keys])
    return {(row["coupon_id"], row["customer_id"]): row["redeemed"] for row in rows}


async def redeem(tx: Transaction, needs: Sequence[CouponNeed]) -> None:
    """Write down the redemptions."""
    await tx.execute(
        REDEEM,
        [need.order_id for need in needs],
        [need.coupon_id for need in needs],
        [need.customer_id for need in needs],
        [need.discount for need in needs],
    )


async def count(tx: Transaction, times: dict[UUID, int]) -> None:
    """Add to the counters of coupons whose rows are locked; a negative number takes away."""
    await tx.execute(COUNT, list(times), list(times.values()))


async def count_guests(tx: Transaction, times: dict[GuestKey, int], limits: dict[UUID, int]) -> None:
    """Add to the guests' counters of coupons whose rows are locked."""
    keys = sorted(times)
    await tx.execute(
        COUNT_GUESTS,
        [coupon for coupon, _ in keys],
        [customer for _, customer in keys],
        [times[key] for key in keys],
        [limits[coupon] for coupon, _ in keys],
    )


async def coupons_of(tx: Transaction, order_ids: Sequence[UUID]) -> list[UUID]:
    """Return the coupons that these orders hold."""
    return [row["coupon_id"] for row in await tx.fetch(COUPONS_OF, order_ids)]


async def release(tx: Transaction, order_ids: Sequence[UUID]) -> list[GuestKey]:
    """Mark the orders' redemptions as released; return what they were of, those alone that were not released yet."""
    return [(row["coupon_id"], row["customer_id"]) for row in await tx.fetch(RELEASE, order_ids)]


async def erase(tx: Transaction, order_ids: Sequence[UUID]) -> list[GuestKey]:
    """Delete the orders' redemptions; return what they were of."""
    return [(row["coupon_id"], row["customer_id"]) for row in await tx.fetch(ERASE, order_ids)]


async def uncount_guests(tx: Transaction, times: dict[GuestKey, int]) -> None:
    """Take away from the guests' counters of coupons whose rows are locked; who has none is left alone."""
    await tx.execute_many(UNCOUNT_GUEST, [(*key, times[key]) for key in sorted(times)])


async def confirm(tx: Transaction, order_id: UUID) -> None:
    """Mark an order's redemption as confirmed, where it has one that is still reserved."""
    await tx.execute(CONFIRM, order_id)

"""Coupons that campaigns give to each recipient: a million of them cost no row until somebody uses one.

A code is made of campaign, recipient and a keyed hash: nobody can guess one (one in 2^40). When it is first asked
for, the coupon's row is made of the campaign's terms, good for one redemption; two who ask at once make one row.
"""

from collections.abc import Callable
from uuid import UUID, uuid5

from comanda.contexts.promotions import store
from comanda.contracts.campaigns import CouponsOffered, CouponTerms
from comanda.contracts.promotions import Coupon
from comanda.engine.database import Database, Record, Transaction
from comanda.engine.lanes import Consumer, consumer

ReadCode = Callable[[str], tuple[int, str] | None]
"""Returns the campaign that a recipient's code is of, and the code in its one spelling; None for every other code.

People leave hyphens out and take O for 0: all spellings are one coupon, which is good once.
"""

KEEP = """
INSERT INTO promotions.offers (campaign, restaurant_id, kind, value, item_id, minimum, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (campaign) DO NOTHING
"""

FIND = """
SELECT kind, value, item_id, minimum, ends_at FROM promotions.offers WHERE campaign = $1 AND restaurant_id = $2
"""


def offers() -> Consumer:
    """Return the consumer that keeps what campaigns offer."""

    @consumer("promotions.offers", on=[CouponsOffered])
    async def keep(tx: Transaction, event: CouponsOffered) -> None:
        terms: CouponTerms = event.terms
        await tx.execute(
            KEEP,
            event.campaign,
            event.restaurant_id,
            terms.kind,
            terms.value,
            terms.item_id,
            terms.minimum,
            terms.ends_at,
        )

    return keep


async def coupon_of(database: Database, restaurant_id: UUID, code: str, campaign: int) -> Coupon | None:
    """Make the coupon of a recipient's code, once; None where the restaurant's campaigns offer no such thing."""
    terms: Record | None = await database.fetch_row(FIND, campaign, restaurant_id)
    if terms is None:
        return None
    coupon = Coupon(id=uuid5(restaurant_id, code), restaurant_id=restaurant_id, code=code, total_limit=1, **terms)

    async def make(tx: Transaction) -> None:
        await store.insert(tx, coupon)

    await database.run(make)
    return await store.find(database, restaurant_id, code)

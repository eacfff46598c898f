"""The demo restaurant's coupon."""

from uuid import UUID

from comanda.contexts.promotions.service import CouponTerms, Promotions
from comanda.engine.database import Transaction

CODE = "WELCOME10"

TERMS = CouponTerms(kind="percentage", value=1000)
"""10 % off, for everyone, as often as they like."""


async def seed_demo(tx: Transaction, promotions: Promotions, restaurant_id: UUID) -> None:
    """Make the coupon for the restaurant; done twice, it is there once."""
    await promotions.put(tx, restaurant_id, CODE, TERMS)

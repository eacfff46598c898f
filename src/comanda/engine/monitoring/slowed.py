"""What the other side has slowed down: the keys of a lane whose rate has not grown back yet."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.lanes.consumer import Consumer
from comanda.engine.rates import bucket as buckets
from comanda.engine.rates.bucket import Bucket
from comanda.engine.rates.rate import Rate

MOST = 50
"""Slowed keys of one lane that are told, at most."""

SLOWED = f"""
SELECT key, tokens, filled_at, factor, slowed_at, promised_until, clock_timestamp() AS now FROM engine.rates
WHERE lane = $1 AND slowed_at IS NOT NULL AND factor < 1 ORDER BY slowed_at DESC LIMIT {MOST}
"""


class SlowedRate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate that goes slower than it may.

    Attributes:
        key: whose; empty for the lane as a whole.
        per_s: what the rate is when nobody slows it down.
        share: what is left of that now, in (0, 1).
        paused_until: until when nothing goes at all, where the other side said so; else None.
    """

    key: str
    per_s: float
    share: float
    slowed_at: datetime
    paused_until: datetime | None


async def slowed(database: Database, consumer: Consumer) -> Sequence[SlowedRate]:
    """Return the slowed rates of a lane, the latest first."""
    if not consumer.rates:
        return []
    found = []
    for row in await database.fetch(SLOWED, consumer.name):
        rate = _rate_of(consumer.rates, row["key"])
        if rate is None:
            continue
        stored = Bucket(row["tokens"], row["filled_at"], row["factor"], row["slowed_at"], row["promised_until"])
        now = buckets.refilled(rate, stored, row["now"])
        if now.factor < 1:
            found.append(
                SlowedRate(
                    key=row["key"].partition(":")[2] if rate.by is not None else "",
                    per_s=rate.per_s,
                    share=now.factor,
                    slowed_at=row["slowed_at"],
                    paused_until=stored.filled_at if stored.filled_at > row["now"] else None,
                )
            )
    return found


def _rate_of(rates: Sequence[Rate], bucket: str) -> Rate | None:
    """Return the rate whose bucket this is; None where the lane has no such rate any more."""
    for rate in rates:
        if (rate.by is None and bucket == rate.name) or (rate.by is not None and bucket.startswith(f"{rate.name}:")):
            return rate
    return None

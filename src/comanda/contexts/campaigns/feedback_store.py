"""The SQL of what comes back: who a mail was to, suppressions, bounces, openings, clicks, the winner of a test."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.states import Delivery
from comanda.contracts.campaigns import LinkClicked, MailOpened
from comanda.engine.database import Database, Transaction

WHOSE = """
SELECT d.customer_id, c.restaurant_id, s.why, p.email
FROM campaigns.deliveries d JOIN campaigns.campaigns c ON c.number = d.campaign
LEFT JOIN campaigns.suppressions s ON s.customer_id = d.customer_id
LEFT JOIN campaigns.people p ON p.id = d.customer_id
WHERE d.campaign = $1 AND d.recipient = $2
"""

SUPPRESS = """
INSERT INTO campaigns.suppressions AS s (customer_id, restaurant_id, why, at, campaign)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (customer_id) DO UPDATE SET why = excluded.why
WHERE s.why IN ('unsubscribed', 'by_hand') AND excluded.why IN ('bounced', 'complained')
RETURNING xmax = 0
"""
"""A reason that the person cannot take back takes the place of one that they can; that is no news to anybody."""

LIFT = """
DELETE FROM campaigns.suppressions WHERE customer_id = $1 AND why IN ('unsubscribed', 'by_hand') RETURNING why
"""
"""A dead address and a complaint are not taken back by a click; nor is an erasure, for there is nobody left to mail."""

BOUNCED = f"""
UPDATE campaigns.deliveries SET state = {Delivery.BOUNCED}
WHERE campaign = $1 AND recipient = $2 AND state IN ({Delivery.SENT}, {Delivery.UNCERTAIN})
"""

FAILURE = """
INSERT INTO campaigns.failures (campaign, recipient, at, kind, enhanced, words) VALUES ($1, $2, $3, $4, $5, $6)
"""

KNOWN_RETURN = """
SELECT EXISTS (SELECT FROM campaigns.failures WHERE campaign = $1 AND recipient = $2 AND kind = $3)
"""

SOFT = """
INSERT INTO campaigns.soft_bounces AS b (customer_id, times, last_at, last_campaign) VALUES ($1, 1, $2, $3)
ON CONFLICT (customer_id) DO UPDATE SET
    times = CASE WHEN b.last_campaign = $3 THEN b.times WHEN b.last_at < $2 - $4::interval THEN 1 ELSE b.times + 1 END,
    last_at = greatest(b.last_at, $2), last_campaign = $3
RETURNING times
"""

OPENED = """
INSERT INTO campaigns.openings AS o (campaign, recipient, first_at, times, robots)
SELECT h.campaign, h.recipient, min(h.at), count(*) FILTER (WHERE NOT h.robot), count(*) FILTER (WHERE h.robot)
FROM unnest($1::int[], $2::int[], $3::timestamptz[], $4::bool[]) AS h (campaign, recipient, at, robot)
GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (campaign, recipient) DO UPDATE SET
    first_at = least(o.first_at, excluded.first_at), times = o.times + excluded.times,
    robots = o.robots + excluded.robots
"""

CLICKED = """
INSERT INTO campaigns.clicks AS c (campaign, recipient, link, first_at, last_at, times, robots)
SELECT h.campaign, h.recipient, h.link, min(h.at), max(h.at), count(*) FILTER (WHERE NOT h.robot),
    count(*) FILTER (WHERE h.robot)
FROM unnest($1::int[], $2::int[], $3::timestamptz[], $4::bool[], $5::smallint[])
    AS h (campaign, recipient, at, robot, link)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (campaign, recipient, link) DO UPDATE SET
    first_at = least(c.first_at, excluded.first_at), last_at = greatest(c.last_at, excluded.last_at),
    times = c.times + excluded.times, robots = c.robots + excluded.robots
"""

LINK = "SELECT url FROM campaigns.links WHERE campaign = $1 AND link = $2"

VARIANTS = f"""
SELECT d.variant, count(*) FILTER (WHERE d.state IN ({Delivery.SENT}, {Delivery.BOUNCED})) AS sent,
    count(*) FILTER (WHERE o.times > 0) AS opened,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM campaigns.clicks k
        WHERE k.campaign = d.campaign AND k.recipient = d.recipient AND k.times > 0)) AS clicked
FROM campaigns.deliveries d
LEFT JOIN campaigns.openings o ON o.campaign = d.campaign AND o.recipient = d.recipient
WHERE d.campaign = $1 AND d.state <> {Delivery.PENDING}
GROUP BY d.variant ORDER BY d.variant
"""

WINNER = "UPDATE campaigns.campaigns SET winner = $2, version = version + 1 WHERE number = $1 AND winner IS NULL"


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose mail it is; `why` they are suppressed, or None; `email` is None for who was erased."""

    customer_id: UUID
    restaurant_id: UUID
    why: str | None
    email: str | None


class VariantFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one subject: mails that were accepted, and recipients who opened, and who clicked."""

    variant: int
    sent: int
    opened: int
    clicked: int


async def whose(reader: Database | Transaction, campaign: int, recipient: int) -> Whose | None:
    """Return whose mail it is; None where there is no such recipient."""
    row = await reader.fetch_row(WHOSE, campaign, recipient)
    return None if row is None else Whose(**row)


async def suppress(
    tx: Transaction, customer_id: UUID, *, restaurant_id: UUID, why: str, at: datetime, campaign: int | None
) -> bool:
    """Write that somebody gets no campaigns any more; return False where that stands already."""
    is_new: bool | None = await tx.fetch_value(SUPPRESS, customer_id, restaurant_id, why, at, campaign)
    return bool(is_new)


async def lift(tx: Transaction, customer_id: UUID) -> bool:
    """Take back a suppression that the person can take back; return whether there was one."""
    return await tx.execute(LIFT, customer_id) == 1


async def bounced(tx: Transaction, campaign: int, recipient: int) -> None:
    """Write into the ledger that a mail came back for good."""
    await tx.execute(BOUNCED, campaign, recipient)


async def returned_before(tx: Transaction, campaign: int, recipient: int, kind: str) -> bool:
    """Whether this mail has come back in this way before."""
    known: bool = await tx.fetch_value(KNOWN_RETURN, campaign, recipient, kind)
    return known


async def note_failure(
    tx: Transaction, campaign: int, recipient: int, *, at: datetime, kind: str, status: str, words: str
) -> None:
    """Write down what came back, and how it was put."""
    await tx.execute(FAILURE, campaign, recipient, at, kind, status or None, words.replace("\0", "")[:500])


async def count_soft(
    tx: Transaction, customer_id: UUID, *, at: datetime, campaign: int, forget_after: timedelta
) -> int:
    """Count a mail that came back for a reason that may pass; return how many have in a row, one a campaign."""
    times: int = await tx.fetch_value(SOFT, customer_id, at, campaign, forget_after)
    return times


async def count_openings(tx: Transaction, events: Sequence[MailOpened]) -> None:
    """Add to the openings, set-wise."""
    await tx.execute(
        OPENED,
        [event.campaign for event in events],
        [event.recipient for event in events],
        [event.at for event in events],
        [event.robot for event in events],
    )


async def count_clicks(tx: Transaction, events: Sequence[LinkClicked]) -> None:
    """Add to the clicks, set-wise."""
    await tx.execute(
        CLICKED,
        [event.campaign for event in events],
        [event.recipient for event in events],
        [event.at for event in events],
        [event.robot for event in events],
        [event.link for event in events],
    )


async def link(database: Database, campaign: int, number: int) -> str | None:
    """Return where a campaign's link leads."""
    url: str | None = await database.fetch_value(LINK, campaign, number)
    return url


async def variants(tx: Transaction, campaign: int) -> list[VariantFigures]:
    """Return what came of each subject so far."""
    return [VariantFigures(**row) for row in await tx.fetch(VARIANTS, campaign)]


async def write_winner(tx: Transaction, campaign: int, variant: int) -> bool:
    """Write the winner of a test; return False where it has one."""
    return await tx.execute(WINNER, campaign, variant) == 1

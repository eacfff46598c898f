"""What became of a campaign: who was mailed how often, who read it and went on, who left, and what was ordered for it.

Each table is read once, set-wise. Machines' hits are not counted among the readers'.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from comanda.contexts.campaigns.campaign_figures import Figures, figures_of
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.engine.database import Database

OPENINGS = """
SELECT count(*) FILTER (WHERE times > 0)::int AS people, coalesce(sum(times), 0)::int AS times,
    coalesce(sum(robots), 0)::int AS robots FROM campaigns.openings WHERE campaign = $1
"""

CLICKERS = """
SELECT count(DISTINCT recipient) FILTER (WHERE times > 0)::int AS people, coalesce(sum(times), 0)::int AS times,
    coalesce(sum(robots), 0)::int AS robots FROM campaigns.clicks WHERE campaign = $1
"""

LINKS = """
SELECT l.link, l.url, count(k.recipient) FILTER (WHERE k.times > 0)::int AS people, coalesce(sum(k.times), 0)::int
    AS times
FROM campaigns.links l LEFT JOIN campaigns.clicks k ON k.campaign = l.campaign AND k.link = l.link
WHERE l.campaign = $1 GROUP BY l.link, l.url ORDER BY 3 DESC, l.link
"""

LEFT = "SELECT why, count(*)::int AS people FROM campaigns.suppressions WHERE campaign = $1 GROUP BY why"

CREDITS = """
SELECT currency, count(*)::int AS orders, sum(total - refunded)::bigint AS revenue,
    count(*) FILTER (WHERE why = 'coupon')::int AS by_coupon
FROM campaigns.credits WHERE campaign = $1 GROUP BY currency ORDER BY currency
"""

VARIANTS = """
SELECT d.variant::int AS variant, count(*) FILTER (WHERE d.accepted > 0)::int AS sent,
    count(*) FILTER (WHERE o.times > 0)::int AS opened, count(k.recipient)::int AS clicked
FROM campaigns.deliveries d
LEFT JOIN campaigns.openings o ON o.campaign = d.campaign AND o.recipient = d.recipient
LEFT JOIN (SELECT DISTINCT campaign, recipient FROM campaigns.clicks WHERE campaign = $1 AND times > 0) k
    ON k.campaign = d.campaign AND k.recipient = d.recipient
WHERE d.campaign = $1 GROUP BY d.variant ORDER BY d.variant
"""

MINUTES = """
SELECT minute, sum(sent)::int AS sent, sum(deferred)::int AS deferred, sum(failed)::int AS failed
FROM campaigns.minutes WHERE campaign = $1 GROUP BY minute ORDER BY minute
"""


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients opened or clicked, how often in all, and how often machines did."""

    people: int
    times: int
    robots: int


class LinkReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients followed a link, and how often in all."""

    link: int
    url: str
    people: int
    times: int


class CreditReport(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that were credited, and what they brought, in minor units, less what was given back."""

    currency: str
    orders: int
    revenue: int
    by_coupon: int


class VariantReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one subject."""

    variant: int
    subject: str
    sent: int
    opened: int
    clicked: int


class MinuteReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent in one minute."""

    minute: datetime
    sent: int
    deferred: int
    failed: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a campaign.

    Attributes:
        figures: recipients by state, the ledger's statement, domains, errors.
        left: recipients who get no more campaigns since this one, by reason.
        winner: the variant that won the test, or None.
    """

    figures: Figures
    opened: Hits
    clicked: Hits
    links: list[LinkReport]
    left: dict[str, int]
    credits: list[CreditReport]
    variants: list[VariantReport]
    winner: int | None
    minutes: list[MinuteReport]


async def report_of(database: Database, row: CampaignRow, now: datetime) -> Report:
    """Return what became of a campaign so far."""
    subjects: Sequence[str] = row.document.get("subjects", [])
    (opened,) = await database.fetch(OPENINGS, row.number)
    (clicked,) = await database.fetch(CLICKERS, row.number)
    return Report(
        figures=await figures_of(database, row, now),
        opened=Hits(**opened),
        clicked=Hits(**clicked),
        links=[LinkReport(**each) for each in await database.fetch(LINKS, row.number)],
        left={each["why"]: each["people"] for each in await database.fetch(LEFT, row.number)},
        credits=[CreditReport(**each) for each in await database.fetch(CREDITS, row.number)],
        variants=[
            VariantReport(subject=subjects[each["variant"]] if each["variant"] < len(subjects) else "", **each)
            for each in await database.fetch(VARIANTS, row.number)
        ],
        winner=row.winner,
        minutes=[MinuteReport(**each) for each in await database.fetch(MINUTES, row.number)],
    )

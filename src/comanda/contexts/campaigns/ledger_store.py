"""The SQL of the ledger: what became of recipients, written set-wise.

Whoever settles locks the streams first, in the order of their numbers, then takes the claim's row away; who does not
find it there any more writes nothing. Recipients change only from `sending`, so that nothing is written twice.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.states import Delivery, Policy, State
from comanda.engine.database import Record, Transaction

LOCK_STREAMS = """
SELECT s.campaign, s.stream, s.domain FROM campaigns.streams s
WHERE (s.campaign, s.stream) IN (SELECT * FROM unnest($1::int[], $2::int[]))
ORDER BY s.campaign, s.stream FOR NO KEY UPDATE OF s
"""

TAKE_CLAIMS = """
DELETE FROM campaigns.claims WHERE id = ANY ($1::uuid[])
RETURNING id, campaign, stream, recipients, claimed_at, lost_at IS NOT NULL AS lost
"""

MARK_LOST = """
UPDATE campaigns.claims SET lost_at = $2 WHERE id = ANY ($1::uuid[]) AND lost_at IS NULL
RETURNING id, campaign, stream, recipients, claimed_at, false AS lost
"""

CAMPAIGNS = """
SELECT c.number, c.restaurant_id, c.state, c.epoch, c.policy, s.warm_up IS NOT NULL AS warming
FROM campaigns.campaigns c LEFT JOIN campaigns.senders s ON s.restaurant_id = c.restaurant_id
WHERE c.number = ANY ($1::int[])
"""

SENT = """
UPDATE campaigns.deliveries SET state = 2, accepted = accepted + 1
WHERE campaign = $1 AND recipient = ANY ($2::int[]) AND state = 1
"""

MOVED = """
UPDATE campaigns.deliveries d SET state = f.state, attempts = d.attempts + f.tried
FROM unnest($2::int[], $3::smallint[], $4::smallint[]) AS f (recipient, state, tried)
WHERE d.campaign = $1 AND d.recipient = f.recipient AND d.state = 1
"""

TRIED = "SELECT recipient, attempts FROM campaigns.deliveries WHERE campaign = $1 AND recipient = ANY ($2::int[])"

KNOWN_LATE = """
UPDATE campaigns.deliveries d SET accepted = d.accepted + 1, state = CASE WHEN d.state IN (0, 6) THEN 2 ELSE d.state END
FROM (
    SELECT recipient, state FROM campaigns.deliveries WHERE campaign = $1 AND recipient = ANY ($2::int[])
    ORDER BY recipient FOR NO KEY UPDATE
) before
WHERE d.campaign = $1 AND d.recipient = before.recipient RETURNING before.state
"""
"""A machine that had been given up is back, and its journal says that these were accepted after all."""

FAILURES = """
INSERT INTO campaigns.failures (campaign, recipient, at, kind, code, enhanced, words)
SELECT $1, recipient, $2, kind, code, enhanced, words
FROM unnest($3::int[], $4::text[], $5::smallint[], $6::text[], $7::text[]) AS f (recipient, kind, code, enhanced, words)
"""

MINUTES = """
INSERT INTO campaigns.minutes AS m (campaign, minute, domain, sent, deferred, failed, suppressed, uncertain)
VALUES ($1, date_trunc('minute', $2::timestamptz), $3, $4, $5, $6, $7, $8)
ON CONFLICT (campaign, minute, domain) DO UPDATE SET sent = m.sent + excluded.sent,
    deferred = m.deferred + excluded.deferred, failed = m.failed + excluded.failed,
    suppressed = m.suppressed + excluded.suppressed, uncertain = m.uncertain + excluded.uncertain
"""

CLOSE = """
UPDATE campaigns.streams SET open = open - $3, next = least(next, $4) WHERE campaign = $1 AND stream = $2
RETURNING next <= last AS more, open
"""

GIVE_BACK = "UPDATE campaigns.sender_days SET claimed = claimed - $3 WHERE restaurant_id = $1 AND day = $2"

FINISH = """
UPDATE campaigns.campaigns SET state = 'finished', finished_at = $2, updated_at = $2
WHERE number = $1 AND state = 'sending'
AND NOT EXISTS (SELECT FROM campaigns.streams s WHERE s.campaign = $1 AND s.open > 0) RETURNING restaurant_id
"""

LOCK_CAMPAIGN = "SELECT FROM campaigns.campaigns WHERE number = $1 FOR NO KEY UPDATE"

MOST_WORDS = 500
"""Characters of a server's answer that are kept."""

Way = Literal["sent", "deferred", "failed", "uncertain"]


class TakenClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that this transaction, and no other, has taken away; or has marked as lost.

    Attributes:
        domain: its stream's.
        lost: whether it had been given up before: its recipients were treated as uncertain then.
    """

    id: UUID
    campaign: int
    stream: int
    domain: str
    recipients: list[int]
    claimed_at: datetime
    lost: bool


class CampaignFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about a campaign's open recipients."""

    number: int
    restaurant_id: UUID
    state: State
    epoch: int
    policy: Policy
    warming: bool


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written of one recipient that was not sent to.

    Attributes:
        kind: of the line among the failures; None where there is none to write.
    """

    recipient: int
    state: Delivery
    tried: int
    kind: str | None = None
    code: int | None = None
    enhanced: str | None = None
    words: str = ""


async def take_claims(
    tx: Transaction, claims: Sequence[tuple[UUID, int, int]], *, lost_at: datetime | None = None
) -> dict[UUID, TakenClaim]:
    """Lock the streams of claims (id, campaign, stream) and take those away that are there.

    With `lost_at` they are marked as lost instead, where they are not yet.
    """
    streams = await tx.fetch(LOCK_STREAMS, [claim[1] for claim in claims], [claim[2] for claim in claims])
    domains = {(row["campaign"], row["stream"]): row["domain"] for row in streams}
    ids = [claim[0] for claim in claims]
    rows = await (tx.fetch(TAKE_CLAIMS, ids) if lost_at is None else tx.fetch(MARK_LOST, ids, lost_at))
    return {
        row["id"]: TakenClaim(
            id=row["id"],
            campaign=row["campaign"],
            stream=row["stream"],
            domain=domains.get((row["campaign"], row["stream"]), ""),
            recipients=list(row["recipients"]),
            claimed_at=row["claimed_at"],
            lost=row["lost"],
        )
        for row in rows
    }


async def campaigns(tx: Transaction, numbers: Sequence[int]) -> dict[int, CampaignFacts]:
    """Return campaigns as they are now. Read after their streams are locked, so that a resumption is seen."""
    rows = await tx.fetch(CAMPAIGNS, numbers)
    return {row["number"]: CampaignFacts(**row) for row in rows}


async def write_sent(tx: Transaction, campaign: int, numbers: Sequence[int]) -> None:
    """Write that the mail server has accepted these recipients' mails."""
    if numbers:
        await tx.execute(SENT, campaign, numbers)


async def write_others(tx: Transaction, campaign: int, written: Sequence[Written], now: datetime) -> None:
    """Write what became of recipients whose mails were not accepted."""
    if not written:
        return
    in_order = sorted(written, key=lambda each: each.recipient)
    await tx.execute(
        MOVED,
        campaign,
        [each.recipient for each in in_order],
        [each.state for each in in_order],
        [each.tried for each in in_order],
    )
    told = [each for each in in_order if each.kind is not None]
    if told:
        await tx.execute(
            FAILURES,
            campaign,
            now,
            [each.recipient for each in told],
            [each.kind for each in told],
            [each.code for each in told],
            [each.enhanced for each in told],
            [each.words.replace("\0", "")[:MOST_WORDS] for each in told],
        )


async def tries(tx: Transaction, campaign: int, numbers: Sequence[int]) -> dict[int, int]:
    """Return how often recipients were tried before."""
    return {row["recipient"]: row["attempts"] for row in await tx.fetch(TRIED, campaign, numbers)}


async def write_known_late(tx: Transaction, campaign: int, numbers: Sequence[int]) -> int:
    """Write that mails which had been given up as uncertain were accepted; return how many were pending again."""
    rows: Sequence[Record] = await tx.fetch(KNOWN_LATE, campaign, numbers)
    return sum(row["state"] == Delivery.PENDING for row in rows)


async def count_minute(tx: Transaction, campaign: int, domain: str, now: datetime, ways: Mapping[str, int]) -> None:
    """Add to a campaign's chart."""
    counts = [ways.get(way, 0) for way in ("sent", "deferred", "failed", "suppressed", "uncertain")]
    if any(counts):
        await tx.execute(MINUTES, campaign, now, domain, *counts)


async def close(tx: Transaction, campaign: int, stream: int, *, closed: int, back_to: int | None) -> tuple[bool, int]:
    """Count recipients of a locked stream as closed, and let it go on from `back_to` where that is behind it.

    Return whether the stream has more that no chunk has taken, and how many recipients are open.
    """
    row = await tx.fetch_row(CLOSE, campaign, stream, closed, back_to)
    return (False, 0) if row is None else (row["more"], row["open"])


async def give_back(tx: Transaction, restaurant_id: UUID, day: date, count: int) -> None:
    """Count mails as not claimed after all: they were put back."""
    await tx.execute(GIVE_BACK, restaurant_id, day, count)


async def finish(tx: Transaction, campaign: int, now: datetime) -> UUID | None:
    """Finish a campaign that is sending and has nobody open, once; return its restaurant then."""
    await tx.execute(LOCK_CAMPAIGN, campaign)  # A statement of its own: the next one sees who finished before us.
    restaurant: UUID | None = await tx.fetch_value(FINISH, campaign, now)
    return restaurant

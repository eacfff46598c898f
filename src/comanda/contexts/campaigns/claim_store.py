"""The SQL of claims: which recipients a process takes to send to, in a few set-wise statements.

Locks are taken in the order campaign, streams by number, senders' days; recipients are changed only by who holds their
stream's lock. Two claims of one stream therefore never see the same recipient pending.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.recipient import Recipient
from comanda.contexts.campaigns.states import Delivery
from comanda.contracts.campaigns import ChunkDue
from comanda.engine.database import Transaction

PEEK = """
SELECT e.place, s.open
FROM unnest($1::int[], $2::int[], $3::int[]) WITH ORDINALITY AS e (campaign, stream, epoch, place)
JOIN campaigns.campaigns c ON c.number = e.campaign AND c.state = 'sending' AND c.epoch = e.epoch
JOIN campaigns.streams s ON s.campaign = e.campaign AND s.stream = e.stream
"""

LOCK = """
SELECT s.campaign, s.stream FROM campaigns.streams s
WHERE (s.campaign, s.stream) IN (SELECT * FROM unnest($1::int[], $2::int[]))
ORDER BY s.campaign, s.stream FOR NO KEY UPDATE OF s
"""

FACTS = """
SELECT e.place, c.restaurant_id, c.winner, s.wave, s.zone, s.domain, s.next, s.last, s.open,
    d.email AS sender, d.per_s, d.warm_up, d.quiet,
    (SELECT count(*) FROM campaigns.streams o WHERE o.campaign = s.campaign AND o.open > 0) AS going,
    (SELECT count(*) FROM campaigns.streams o WHERE o.campaign = s.campaign AND o.open > 0 AND o.domain = s.domain)
    AS alike
FROM unnest($1::int[], $2::int[], $3::int[]) WITH ORDINALITY AS e (campaign, stream, epoch, place)
JOIN campaigns.campaigns c ON c.number = e.campaign AND c.state = 'sending' AND c.epoch = e.epoch
JOIN campaigns.streams s ON s.campaign = e.campaign AND s.stream = e.stream
LEFT JOIN campaigns.senders d ON d.restaurant_id = c.restaurant_id
"""
"""Read after the streams are locked, so that a resumption that came first is seen."""

_TAKE = """
WITH due AS MATERIALIZED (
    {due}
), seen AS MATERIALIZED (
    SELECT due.recipient, due.customer_id, p.email, p.name, p.phone, p.attributes, p.orders, p.last_order_at,
        p.consent_at IS NOT NULL AND p.unsubscribed_at IS NULL AND s.customer_id IS NULL AS may
    FROM due LEFT JOIN campaigns.people p ON p.id = due.customer_id
    LEFT JOIN campaigns.suppressions s ON s.customer_id = due.customer_id
), moved AS (
    UPDATE campaigns.deliveries d
    SET state = CASE WHEN seen.may THEN 1 ELSE 5 END, variant = coalesce($2, d.variant)
    FROM seen WHERE d.campaign = $1 AND d.recipient = seen.recipient
    RETURNING d.recipient, d.variant
)
SELECT moved.variant, seen.* FROM moved JOIN seen USING (recipient) ORDER BY recipient
"""
"""Who has given no consent, took it back, is suppressed or was erased is suppressed by the same statement."""

TAKE_NEXT = _TAKE.format(
    due="""SELECT recipient, customer_id FROM campaigns.deliveries
    WHERE campaign = $1 AND recipient BETWEEN $3 AND $4 AND state = 0 ORDER BY recipient LIMIT $5"""
)

TAKE_NAMED = _TAKE.format(
    due="""SELECT recipient, customer_id FROM campaigns.deliveries
    WHERE campaign = $1 AND recipient = ANY ($3::int[]) AND state = 0 ORDER BY recipient"""
)

CLAIM = """
INSERT INTO campaigns.claims (id, campaign, stream, epoch, machine, journal, recipients, claimed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

MOVE_ON = "UPDATE campaigns.streams SET next = $3, open = open - $4 WHERE campaign = $1 AND stream = $2"

DAY = "INSERT INTO campaigns.sender_days (restaurant_id, day) VALUES ($1, $2) ON CONFLICT DO NOTHING"

CLAIMED = "SELECT claimed FROM campaigns.sender_days WHERE restaurant_id = $1 AND day = $2 FOR NO KEY UPDATE"

COUNT_CLAIMED = "UPDATE campaigns.sender_days SET claimed = claimed + $3 WHERE restaurant_id = $1 AND day = $2"


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about a stream's next chunk.

    Attributes:
        winner: the variant that all of wave 1 get.
        open: recipients that are pending or being sent to.
        sender: the sender's address where the restaurant has named one, with its limit `per_s`.
        going: streams of the campaign that have something left; `alike` those of the same domain.
    """

    restaurant_id: UUID
    winner: int | None
    wave: int
    zone: str
    domain: str
    next: int
    last: int
    open: int
    sender: str | None
    per_s: int | None
    warm_up: dict[str, Any] | None
    quiet: dict[str, Any] | None
    going: int
    alike: int


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Recipients that were taken out of the pending ones.

    Attributes:
        recipients: who is to be sent to, by number.
        suppressed: how many are not, and never will be.
        upto: the last number that was looked at.
    """

    recipients: list[Recipient]
    suppressed: int
    upto: int


async def open_of(tx: Transaction, events: Sequence[ChunkDue]) -> list[int | None]:
    """Return for each event how many recipients of its stream are open; None for an event that is stale."""
    rows = await tx.fetch(PEEK, *_columns(events))
    found = {row["place"]: row["open"] for row in rows}
    return [found.get(place) for place in range(1, len(events) + 1)]


async def lock(tx: Transaction, events: Sequence[ChunkDue]) -> list[StreamFacts | None]:
    """Lock the events' streams and return them as they are then; None for an event that has become stale."""
    campaigns, streams, epochs = _columns(events)
    await tx.fetch(LOCK, campaigns, streams)
    rows = await tx.fetch(FACTS, campaigns, streams, epochs)
    found = {row["place"]: _facts(row) for row in rows}
    return [found.get(place) for place in range(1, len(events) + 1)]


async def take_next(tx: Transaction, campaign: int, *, since: int, upto: int, most: int, variant: int | None) -> Taken:
    """Take the next pending recipients from `since` up to `upto`, `most` of them; all get `variant` where it is one."""
    rows = await tx.fetch(TAKE_NEXT, campaign, variant, since, upto, most)
    return _taken(campaign, rows, rows[-1]["recipient"] if len(rows) == most else upto)


async def take_named(tx: Transaction, campaign: int, numbers: Sequence[int], *, variant: int | None) -> Taken:
    """Take those of the recipients that are pending."""
    return _taken(campaign, await tx.fetch(TAKE_NAMED, campaign, variant, list(numbers)), 0)


def claim(
    tx: Transaction, claim_id: UUID, event: ChunkDue, *, machine: str, journal: str, numbers: list[int], now: datetime
) -> None:
    """Write down who is about to send to these recipients, with the transaction's last statements."""
    tx.execute_later(CLAIM, claim_id, event.campaign, event.stream, event.epoch, machine, journal, numbers, now)


def move_on(tx: Transaction, event: ChunkDue, *, next_: int, closed: int) -> None:
    """Write where a stream goes on and how many of it are closed, with the transaction's last statements."""
    tx.execute_later(MOVE_ON, event.campaign, event.stream, next_, closed)


async def claimed_on(tx: Transaction, restaurant_id: UUID, day: date) -> int:
    """Return how many mails a sender has claimed on a day, locked until the transaction ends."""
    await tx.execute(DAY, restaurant_id, day)
    return int(await tx.fetch_value(CLAIMED, restaurant_id, day))


async def count_claimed(tx: Transaction, restaurant_id: UUID, day: date, count: int) -> None:
    """Count mails as claimed by a sender on a day."""
    await tx.execute(COUNT_CLAIMED, restaurant_id, day, count)


def _columns(events: Sequence[ChunkDue]) -> tuple[list[int], list[int], list[int]]:
    return ([e.campaign for e in events], [e.stream for e in events], [e.epoch for e in events])


def _facts(row: Any) -> StreamFacts:
    fields = {name: row[name] for name in StreamFacts.__struct_fields__}
    for name in ("warm_up", "quiet"):
        fields[name] = None if fields[name] is None else json.loads(fields[name])
    return StreamFacts(**fields)


def _taken(campaign: int, rows: Sequence[Any], upto: int) -> Taken:
    recipients = [
        Recipient(
            campaign=campaign,
            number=row["recipient"],
            customer_id=row["customer_id"],
            email=row["email"],
            name=row["name"],
            phone=row["phone"],
            variant=row["variant"],
            attributes=_NONE if row["attributes"] == "{}" else _decoder.decode(row["attributes"]),
            orders=row["orders"],
            last_order_at=row["last_order_at"],
        )
        for row in rows
        if row["may"]
    ]
    return Taken(recipients=recipients, suppressed=len(rows) - len(recipients), upto=upto)


_NONE: dict[str, Any] = {}
_decoder = msgspec.json.Decoder(dict[str, Any])

assert (Delivery.PENDING, Delivery.SENDING, Delivery.SUPPRESSED) == (0, 1, 5)  # noqa: S101 - the SQL has the numbers

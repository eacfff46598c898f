"""The SQL of freezing: people into the ledger page by page, and the ledger's partitions."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.states import State
from comanda.contexts.campaigns.streams import Run
from comanda.engine.database import Transaction

CAMPAIGNS_IN_A_PARTITION = 100

FILL = 50
"""Percent of a page that is filled at first: a chunk changes all rows of a page at once, and the new versions go beside
the old ones, without a touch of any index."""

LOCK = """
SELECT number, restaurant_id, state, epoch, conditions, split, winner, document -> 'subjects' AS subjects, frozen_after
FROM campaigns.campaigns WHERE number = $1 FOR NO KEY UPDATE
"""

PAGE_END = """
SELECT zone, domain, id FROM campaigns.people WHERE restaurant_id = $1 AND (zone, domain, id) > ($2, $3, $4::uuid)
ORDER BY zone, domain, id OFFSET $5 - 1 LIMIT 1
"""

TEST_SHARE = "('x' || substr(md5($2::int::text || p.id::text), 1, 7))::bit(28)::int % 1000"
"""A number from 0 to 999 that follows from campaign and customer: whoever is below the test's share is in it."""

MINE = 10
"""Parameters of `INSERT` before those of the audience's conditions."""

INSERT = """
WITH page AS MATERIALIZED (
    SELECT p.id, p.zone, p.domain, $3 + row_number() OVER (ORDER BY p.zone, p.domain, p.id) AS recipient
    FROM campaigns.people p
    WHERE p.restaurant_id = $1 AND (p.zone, p.domain, p.id) > ($4, $5, $6::uuid) {until} AND {wave} AND {where} {new}
), put AS (
    INSERT INTO campaigns.deliveries (campaign, recipient, customer_id, variant)
    SELECT $2::int, recipient, id, CASE WHEN $10::int > 1 THEN (recipient - 1) % $10 ELSE 0 END FROM page
    ORDER BY recipient ON CONFLICT DO NOTHING RETURNING recipient
)
SELECT page.zone, page.domain, min(page.recipient) AS first, max(page.recipient) AS last, count(put.recipient) AS people
FROM page LEFT JOIN put ON put.recipient = page.recipient
GROUP BY page.zone, page.domain ORDER BY page.zone, page.domain
"""

UNTIL = "AND (p.zone, p.domain, p.id) <= ($7, $8, $9::uuid)"
TO_THE_END = "AND ($7::text, $8::text, $9::uuid) IS NOT DISTINCT FROM (NULL, NULL, NULL)"
NOT_THERE = """
AND NOT EXISTS (SELECT FROM campaigns.deliveries d WHERE d.campaign = $2 AND d.customer_id = p.id)
"""

TAKE_BACK = "DELETE FROM campaigns.deliveries WHERE campaign = $1 AND recipient > $2"

ADD_RUNS = """
INSERT INTO campaigns.streams (campaign, stream, wave, zone, domain, first, last, next, open)
SELECT $1, n, wave, zone, domain, first, last, first, last - first + 1
FROM unnest($2::int[], $3::int[], $4::text[], $5::text[], $6::int[], $7::int[])
    AS r (n, wave, zone, domain, first, last)
"""

RUNS = "SELECT wave, zone, domain, first, last FROM campaigns.streams WHERE campaign = $1 ORDER BY first"

CLEAR = "DELETE FROM campaigns.streams WHERE campaign = $1"

KEEP_PLACE = "UPDATE campaigns.campaigns SET frozen_after = $2::text::jsonb WHERE number = $1"

FROZEN = """
UPDATE campaigns.campaigns SET frozen_after = NULL, recipients = $2, state = 'sending', updated_at = $3
WHERE number = $1
"""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the freezing of a campaign goes on.

    Attributes:
        wave, zone, domain, id: the last person who was looked at.
        count: recipients so far; `runs` the runs that are written.
        now: the moment at which the audience is taken.
        done: whether all people were looked at, and only the streams are to be cut.
    """

    now: datetime
    wave: int = 0
    zone: str = ""
    domain: str = ""
    id: UUID = UUID(int=0)
    count: int = 0
    runs: int = 0
    done: bool = False


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign that is being frozen, locked.

    Attributes:
        share: permille of the recipients in wave 0; 1000 where there is no test.
        variants: how many of them there are in wave 0.
        place: None before the first page.
    """

    number: int
    restaurant_id: UUID
    state: State
    epoch: int
    conditions: dict[str, Any]
    share: int
    variants: int
    place: Place | None


async def lock(tx: Transaction, campaign: int) -> Frozen | None:
    """Lock a campaign and return it."""
    row = await tx.fetch_row(LOCK, campaign)
    if row is None:
        return None
    split = json.loads(row["split"]) if row["split"] else None
    subjects = json.loads(row["subjects"]) if row["subjects"] else []
    return Frozen(
        number=row["number"],
        restaurant_id=row["restaurant_id"],
        state=row["state"],
        epoch=row["epoch"],
        conditions=json.loads(row["conditions"]) if row["conditions"] else {},
        share=1000 if split is None else int(split["share"]),
        variants=1 if split is None else max(1, len(subjects)),
        place=None if row["frozen_after"] is None else msgspec.json.decode(row["frozen_after"], type=Place),
    )


async def page_end(tx: Transaction, restaurant_id: UUID, after: Place, size: int) -> tuple[str, str, UUID] | None:
    """Return the last person of the page that begins after a place; None where there are fewer than `size` left."""
    row = await tx.fetch_row(PAGE_END, restaurant_id, after.zone, after.domain, after.id, size)
    return None if row is None else (row["zone"], row["domain"], row["id"])


async def insert(
    tx: Transaction,
    campaign: Frozen,
    after: Place,
    until: tuple[str, str, UUID] | None,
    *,
    where: str,
    arguments: Sequence[Any],
) -> list[Run]:
    """Write the people of a page into the ledger, and return the runs of their domains, without gaps in the numbers.

    `where` is the audience, as SQL about a row `p` of the people; its parameters begin after the first `MINE`.
    """

    async def run(new: str) -> Sequence[Any]:
        test = "TRUE" if campaign.share >= WHOLE else f"{TEST_SHARE} {'>=' if after.wave else '<'} {campaign.share:d}"
        sql = INSERT.format(until=TO_THE_END if until is None else UNTIL, wave=test, where=where, new=new)
        variants = 1 if after.wave else campaign.variants
        mine = (campaign.restaurant_id, campaign.number, after.count, after.zone, after.domain, after.id)
        return await tx.fetch(sql, *mine, *(until or (None, None, None)), variants, *arguments)

    rows = await run("")
    if any(row["people"] != row["last"] - row["first"] + 1 for row in rows):
        # Somebody who is in the ledger already has moved into this page; nobody's number is left free.
        await tx.execute(TAKE_BACK, campaign.number, after.count)
        rows = await run(NOT_THERE)
    return [Run(after.wave, row["zone"], row["domain"], row["first"], row["last"]) for row in rows]


async def add_runs(tx: Transaction, campaign: int, runs: Sequence[Run], *, since: int) -> None:
    """Write runs, or streams, whose numbers begin with `since`."""
    await tx.execute(
        ADD_RUNS,
        campaign,
        list(range(since, since + len(runs))),
        [run.wave for run in runs],
        [run.zone for run in runs],
        [run.domain for run in runs],
        [run.first for run in runs],
        [run.last for run in runs],
    )


async def take_runs(tx: Transaction, campaign: int) -> list[Run]:
    """Return all runs of a campaign, in the order of their numbers, and take them away."""
    rows = await tx.fetch(RUNS, campaign)
    await tx.execute(CLEAR, campaign)
    return [Run(row["wave"], row["zone"], row["domain"], row["first"], row["last"]) for row in rows]


async def keep_place(tx: Transaction, campaign: int, place: Place) -> None:
    """Write where the freezing goes on."""
    await tx.execute(KEEP_PLACE, campaign, msgspec.json.encode(place).decode())


async def frozen(tx: Transaction, campaign: int, count: int, now: datetime) -> None:
    """Let a campaign be sending: its ledger is complete."""
    await tx.execute(FROZEN, campaign, count, now)


async def ensure_partition(tx: Transaction, campaign: int) -> bool:
    """Make the part of the ledger that a campaign belongs to, where it is missing; return whether it was.

    Attached rather than made in its place: nobody who reads or writes the ledger waits for that.
    """
    number = campaign // CAMPAIGNS_IN_A_PARTITION
    name = f"campaigns.deliveries_{number}"
    if await tx.fetch_value("SELECT to_regclass($1)", name) is not None:
        return False
    await tx.execute("SET LOCAL lock_timeout = '1s'")
    await tx.execute("LOCK TABLE campaigns.deliveries IN SHARE UPDATE EXCLUSIVE MODE")
    if await tx.fetch_value("SELECT to_regclass($1)", name) is None:
        await tx.execute(f"CREATE TABLE {name} (LIKE campaigns.deliveries INCLUDING ALL) WITH (fillfactor = {FILL})")
        first = number * CAMPAIGNS_IN_A_PARTITION
        await tx.execute(
            f"ALTER TABLE campaigns.deliveries ATTACH PARTITION {name} "
            f"FOR VALUES FROM ({first}) TO ({first + CAMPAIGNS_IN_A_PARTITION})"
        )
    await tx.execute("SET LOCAL lock_timeout = 0")
    return True


WHOLE = 1000
"""A test's share that is everybody."""

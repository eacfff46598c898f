"""The SQL of campaigns themselves: one row each, changed under its lock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from comanda.contexts.campaigns.states import Policy, State
from comanda.engine.database import Database, Record, Transaction

CAMPAIGN = """id, number, restaurant_id, name, state, epoch, policy, audience_id, conditions, document, sends_at,
    by_zone, split, winner, recipients, frozen_after, created_at, updated_at, started_at, finished_at, version"""

MOST_NUMBER = 2**31 - 1

ZONES = """
WITH RECURSIVE zones AS (
    (SELECT zone FROM campaigns.people WHERE restaurant_id = $1 ORDER BY zone LIMIT 1)
    UNION ALL
    SELECT (SELECT zone FROM campaigns.people WHERE restaurant_id = $1 AND zone > zones.zone ORDER BY zone LIMIT 1)
    FROM zones WHERE zones.zone IS NOT NULL
)
SELECT zone FROM zones WHERE zone IS NOT NULL LIMIT 600
"""
"""The zones of a restaurant's people, one index look-up each."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """An A/B test: which part of the recipients gets the subjects in equal shares before one wins, by what, and when.

    Attributes:
        share: permille of the recipients in the test.
        by: what decides.
        after_s: seconds from the start until it does.
    """

    share: int
    by: Literal["opens", "clicks"] = "opens"
    after_s: int = 4 * 3600


class CampaignRow(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it is stored; the fields are those of `model.Campaign`."""

    id: UUID
    number: int
    restaurant_id: UUID
    name: str
    state: State
    epoch: int
    policy: Policy
    audience_id: UUID | None
    conditions: dict[str, Any] | None
    document: dict[str, Any]
    sends_at: datetime | None
    by_zone: bool
    split: Split | None
    winner: int | None
    recipients: int
    frozen_after: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int

    @property
    def is_frozen(self) -> bool:
        """Whether the ledger holds all recipients."""
        return self.recipients > 0 and self.frozen_after is None


class SenderRow(msgspec.Struct, frozen=True, kw_only=True):
    """From whom a restaurant's campaigns are."""

    email: str
    name: str
    reply_to: str = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What an author may change of a campaign, as it is stored."""

    name: str
    policy: Policy
    audience_id: UUID | None
    conditions: Mapping[str, Any] | None
    document: Mapping[str, Any]
    split: Split | None


async def insert(tx: Transaction, *, id_: UUID, restaurant_id: UUID, written: Written, now: datetime) -> CampaignRow:
    """Insert a draft."""
    sql = f"""
        INSERT INTO campaigns.campaigns
            (id, restaurant_id, name, policy, audience_id, conditions, document, split, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::jsonb, $8::text::jsonb, $9, $9) RETURNING {CAMPAIGN}
    """
    row = await tx.fetch_row(sql, id_, restaurant_id, *_written(written), now)
    assert row is not None  # noqa: S101 - an INSERT without a conflict clause returns its row
    return campaign_of(row)


async def write(tx: Transaction, number: int, written: Written, now: datetime) -> CampaignRow:
    """Write what an author has changed of a locked campaign."""
    sql = f"""
        UPDATE campaigns.campaigns SET name = $2, policy = $3, audience_id = $4, conditions = $5::text::jsonb,
            document = $6::text::jsonb, split = $7::text::jsonb, updated_at = $8, version = version + 1
        WHERE number = $1 RETURNING {CAMPAIGN}
    """
    row = await tx.fetch_row(sql, number, *_written(written), now)
    assert row is not None  # noqa: S101 - its row is locked
    return campaign_of(row)


async def lock(tx: Transaction, number: int, restaurant_id: UUID | None = None) -> CampaignRow | None:
    """Return a campaign, locked; only the restaurant's own where one is given."""
    sql = f"""
        SELECT {CAMPAIGN} FROM campaigns.campaigns
        WHERE number = $1 AND ($2::uuid IS NULL OR restaurant_id = $2) FOR UPDATE
    """
    row = await tx.fetch_row(sql, number, restaurant_id) if 0 < number <= MOST_NUMBER else None
    return None if row is None else campaign_of(row)


async def move(tx: Transaction, number: int, to: State, now: datetime, **changes: object) -> CampaignRow:
    """Move a locked campaign to a state, under a new epoch, with further columns changed."""
    places = "".join(f", {column} = ${place}" for place, column in enumerate(changes, start=4))
    sql = f"""
        UPDATE campaigns.campaigns SET state = $2, updated_at = $3, epoch = epoch + 1{places}
        WHERE number = $1 RETURNING {CAMPAIGN}
    """
    row = await tx.fetch_row(sql, number, to, now, *changes.values())
    assert row is not None  # noqa: S101 - its row is locked
    return campaign_of(row)


async def one(reader: Database | Transaction, number: int, restaurant_id: UUID | None = None) -> CampaignRow | None:
    """Return a campaign as it is now."""
    sql = f"""
        SELECT {CAMPAIGN} FROM campaigns.campaigns WHERE number = $1 AND ($2::uuid IS NULL OR restaurant_id = $2)
    """
    row = await reader.fetch_row(sql, number, restaurant_id) if 0 < number <= MOST_NUMBER else None
    return None if row is None else campaign_of(row)


async def listed(database: Database, restaurant_id: UUID, *, before: int | None, most: int) -> list[CampaignRow]:
    """Return a restaurant's campaigns, newest first, those with lower numbers than `before`."""
    sql = f"""
        SELECT {CAMPAIGN} FROM campaigns.campaigns
        WHERE restaurant_id = $1 AND ($2::integer IS NULL OR number < $2) ORDER BY number DESC LIMIT $3
    """
    before = None if before is None else max(0, min(before, MOST_NUMBER))
    return [campaign_of(row) for row in await database.fetch(sql, restaurant_id, before, most)]


async def sender(reader: Database | Transaction, restaurant_id: UUID) -> SenderRow | None:
    """Return from whom a restaurant's campaigns are, where it has said so."""
    sql = "SELECT email, name, reply_to FROM campaigns.senders WHERE restaurant_id = $1"
    row = await reader.fetch_row(sql, restaurant_id)
    return None if row is None else SenderRow(**row)


async def put_sender(tx: Transaction, restaurant_id: UUID, sender_: SenderRow) -> None:
    """Write from whom a restaurant's campaigns are; its limits stay."""
    sql = """
        INSERT INTO campaigns.senders (restaurant_id, email, name, reply_to) VALUES ($1, $2, $3, $4)
        ON CONFLICT (restaurant_id) DO UPDATE
        SET email = excluded.email, name = excluded.name, reply_to = excluded.reply_to
    """
    await tx.execute(sql, restaurant_id, sender_.email, sender_.name, sender_.reply_to)


async def keep_conditions(tx: Transaction, number: int, conditions: Mapping[str, Any]) -> None:
    """Write to whom a campaign goes that starts now."""
    sql = "UPDATE campaigns.campaigns SET conditions = $2::text::jsonb WHERE number = $1"
    await tx.execute(sql, number, _json(conditions))


async def write_links(tx: Transaction, campaign: int, links: Mapping[int, str]) -> None:
    """Write where a campaign's numbered links lead."""
    sql = """
        INSERT INTO campaigns.links (campaign, link, url) SELECT $1, * FROM unnest($2::smallint[], $3::text[])
        ON CONFLICT (campaign, link) DO NOTHING
    """
    await tx.execute(sql, campaign, [*links], [*links.values()])


async def zones(database: Database | Transaction, restaurant_id: UUID) -> Sequence[str]:
    """Return the time zones of a restaurant's people; empty is the restaurant's own."""
    return [row["zone"] for row in await database.fetch(ZONES, restaurant_id)]


def campaign_of(row: Record) -> CampaignRow:
    """Return a row of `CAMPAIGN` as a value."""
    values = dict(row)
    for column in ("conditions", "document", "frozen_after"):
        values[column] = None if row[column] is None else msgspec.json.decode(row[column])
    values["split"] = None if row["split"] is None else msgspec.json.decode(row["split"], type=Split)
    return CampaignRow(**values)


def _written(written: Written) -> tuple[object, ...]:
    return (
        written.name,
        written.policy,
        written.audience_id,
        _json(written.conditions),
        _json(written.document),
        _json(written.split),
    )


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()

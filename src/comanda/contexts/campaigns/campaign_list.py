"""The staff's list of campaigns: what each has done so far, in two queries for a page of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.campaigns import audience_store
from comanda.contexts.campaigns.audiences import MOST_AUDIENCES
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.states import State
from comanda.engine.database import Database

DONE = """
SELECT number,
    (SELECT coalesce(sum(sent), 0)::bigint FROM campaigns.minutes WHERE campaign = number) AS sent,
    (SELECT count(*) FROM campaigns.openings WHERE campaign = number AND times > 0) AS opened,
    (SELECT count(DISTINCT recipient) FROM campaigns.clicks WHERE campaign = number AND times > 0) AS clicked
FROM unnest($1::integer[]) AS number
"""


class CampaignLine(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign in the list; `opened` and `clicked` are recipients, without what looks like a machine."""

    number: int
    name: str
    state: State
    audience: str
    recipients: int
    sent: int
    opened: int
    clicked: int
    at: datetime
    by_zone: bool

    @property
    def path(self) -> str:
        """Where the campaign is written, or looked at once it has been started."""
        return f"/staff/campaigns/{self.number}" + ("/edit" if self.state in {"draft", "scheduled"} else "")


async def lines_of(database: Database, restaurant_id: UUID, rows: Sequence[CampaignRow]) -> list[CampaignLine]:
    """Return what the list says of these campaigns of one restaurant."""
    if not rows:
        return []
    names = await audience_names(database, restaurant_id)
    done = {each["number"]: each for each in await database.fetch(DONE, [row.number for row in rows])}
    return [
        CampaignLine(
            number=row.number,
            name=row.name,
            state=row.state,
            audience=_audience(row, names),
            recipients=row.recipients,
            sent=done[row.number]["sent"],
            opened=done[row.number]["opened"],
            clicked=done[row.number]["clicked"],
            at=row.finished_at or row.started_at or row.sends_at or row.updated_at,
            by_zone=row.by_zone,
        )
        for row in rows
    ]


async def audience_names(database: Database, restaurant_id: UUID) -> dict[UUID, str]:
    """Return the restaurant's audiences, by name."""
    return {each["id"]: each["name"] for each in await audience_store.listed(database, restaurant_id, MOST_AUDIENCES)}


def _audience(row: CampaignRow, names: dict[UUID, str]) -> str:
    if row.audience_id is not None:
        return names.get(row.audience_id, "")
    if row.conditions is None:
        return ""
    return "Its own conditions" if row.conditions else "Everybody"

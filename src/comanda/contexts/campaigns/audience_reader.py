"""Audiences as campaigns ask for them: whether conditions are any, how many they find, and one person after another."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from comanda.contexts.campaigns import audience_store as store
from comanda.contexts.campaigns.audiences import Audiences
from comanda.contexts.campaigns.condition_sql import compiled
from comanda.contexts.campaigns.conditions import parse
from comanda.engine.database import Database
from comanda.engine.errors import Unavailable

LOOK_S = 10

PEOPLE = """
SELECT p.id, p.email, p.name, p.phone, p.attributes::text AS attributes, p.orders, p.last_order_at
FROM campaigns.people p WHERE p.restaurant_id = $1 AND {where}
ORDER BY p.zone, p.domain, p.id OFFSET {offset} LIMIT {most}
"""

TOO_LONG = "Asking the audience takes too long at the moment; try again, or with simpler conditions."


class AudiencePerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of an audience."""

    id: UUID
    email: str
    name: str
    phone: str
    attributes: dict[str, Any]
    orders: int
    last_order_at: datetime | None


class StoredAudiences:
    """Reads audiences for campaigns. See `campaign_ports.AudienceReader`."""

    def __init__(self, database: Database, audiences: Audiences) -> None:
        self._database = database
        self._audiences = audiences

    async def conditions_of(self, restaurant_id: UUID, audience_id: UUID) -> dict[str, Any] | None:
        """Return the conditions of an audience that was kept; None where the restaurant has no such audience."""
        row = await store.one(self._database, restaurant_id, audience_id)
        return None if row is None else msgspec.json.decode(row["conditions"], type=dict[str, Any])

    async def check(self, restaurant_id: UUID, conditions: Mapping[str, Any]) -> None:
        """Raise `Refused` (invalid) for conditions that are none."""
        await self._audiences.check(restaurant_id, parse(conditions))

    async def count(self, restaurant_id: UUID, conditions: Mapping[str, Any]) -> int:
        """Return how many people a campaign with these conditions would reach now; raises `Unavailable`."""
        reach = await self._audiences.reach(restaurant_id, parse(conditions))
        if reach.reached is None:
            raise Unavailable(TOO_LONG)
        return reach.reached

    async def sample(
        self, restaurant_id: UUID, conditions: Mapping[str, Any], *, offset: int, most: int
    ) -> Sequence[AudiencePerson]:
        """Return some of these people, always in the same order; raises `Unavailable`."""
        now = await self._audiences.now(restaurant_id)
        query = compiled(parse(conditions), now=now, first_parameter=2)
        sql = PEOPLE.format(where=query.where, offset=max(0, offset), most=max(0, most))
        try:
            async with self._database.transaction() as tx:
                await tx.execute(f"SET LOCAL statement_timeout = '{LOOK_S}s'")
                rows = await tx.fetch(sql, restaurant_id, *query.arguments)
        except asyncpg.QueryCanceledError as error:
            raise Unavailable(TOO_LONG) from error
        return [AudiencePerson(**{**row, "attributes": msgspec.json.decode(row["attributes"])}) for row in rows]

"""Audiences of the simplest kind: conditions are `{"min_orders": n}`, asked of campaigns' own table of people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from comanda.engine.database import Database
from comanda.engine.errors import Refused

PEOPLE = """
SELECT id, email, name, attributes, orders, last_order_at FROM campaigns.people
WHERE restaurant_id = $1 AND orders >= $2 ORDER BY id OFFSET $3 LIMIT $4
"""
COUNT = "SELECT count(*) FROM campaigns.people WHERE restaurant_id = $1 AND orders >= $2"
CONDITIONS = "SELECT conditions FROM campaigns.audiences WHERE id = $1 AND restaurant_id = $2"


class SomePerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of an audience."""

    id: UUID
    email: str
    name: str
    attributes: dict[str, Any]
    orders: int
    last_order_at: datetime | None


class PlainAudiences:
    """Reads audiences."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conditions_of(self, restaurant_id: UUID, audience_id: UUID) -> dict[str, Any] | None:
        """Return the conditions of an audience that was kept."""
        found = await self._database.fetch_value(CONDITIONS, audience_id, restaurant_id)
        return None if found is None else msgspec.json.decode(found)

    async def check(self, restaurant_id: UUID, conditions: Mapping[str, Any]) -> None:  # noqa: ARG002 - the port's
        """Refuse whatever is not of the one kind there is."""
        if set(conditions) - {"min_orders"}:
            raise Refused("There is no such condition.", kind="invalid", code="conditions-invalid")

    async def count(self, restaurant_id: UUID, conditions: Mapping[str, Any]) -> int:
        """Return how many people there are."""
        return int(await self._database.fetch_value(COUNT, restaurant_id, conditions.get("min_orders", 0)))

    async def sample(
        self, restaurant_id: UUID, conditions: Mapping[str, Any], *, offset: int, most: int
    ) -> Sequence[SomePerson]:
        """Return some of them."""
        rows = await self._database.fetch(PEOPLE, restaurant_id, conditions.get("min_orders", 0), offset, most)
        return [SomePerson(**dict(row) | {"attributes": msgspec.json.decode(row["attributes"])}) for row in rows]

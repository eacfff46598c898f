"""The SQL of audiences: the rows that keep their conditions, and the people that they find."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from comanda.contexts.campaigns.condition_sql import REACHABLE, Compiled
from comanda.engine.database import Database, Record, Transaction

COLUMNS = "id, name, conditions, created_at, updated_at"

IN_USE = (
    "SELECT name FROM campaigns.campaigns WHERE audience_id = $1 AND state = ANY ($2::text[]) ORDER BY number LIMIT 1"
)


async def listed(database: Database, restaurant_id: UUID, most: int) -> Sequence[Record]:
    """Return the restaurant's audiences by name, with the number of campaigns that were made for each."""
    sql = f"""
        SELECT {COLUMNS}, (SELECT count(*) FROM campaigns.campaigns c WHERE c.audience_id = a.id) AS campaigns
        FROM campaigns.audiences a WHERE restaurant_id = $1 ORDER BY lower(name), id LIMIT $2
    """
    return await database.fetch(sql, restaurant_id, most)


async def one(database: Database | Transaction, restaurant_id: UUID, audience_id: UUID) -> Record | None:
    """Return an audience."""
    sql = f"SELECT {COLUMNS} FROM campaigns.audiences WHERE id = $1 AND restaurant_id = $2"
    return await database.fetch_row(sql, audience_id, restaurant_id)


async def count(tx: Transaction, restaurant_id: UUID) -> int:
    """Return how many audiences the restaurant has."""
    number: int = await tx.fetch_value(
        "SELECT count(*) FROM campaigns.audiences WHERE restaurant_id = $1", restaurant_id
    )
    return number


async def insert(
    tx: Transaction, audience_id: UUID, restaurant_id: UUID, *, name: str, conditions: dict[str, Any], now: datetime
) -> bool:
    """Insert an audience; return False where there is one of that name."""
    sql = """
        INSERT INTO campaigns.audiences (id, restaurant_id, name, conditions, created_at, updated_at)
        VALUES ($1, $2, $3, $4::text::jsonb, $5, $5) ON CONFLICT (restaurant_id, name) DO NOTHING
    """
    text = msgspec.json.encode(conditions).decode()
    return await tx.execute(sql, audience_id, restaurant_id, name, text, now) == 1


async def update(tx: Transaction, audience_id: UUID, *, name: str, conditions: dict[str, Any], now: datetime) -> bool:
    """Write an audience anew; return False where another one of the restaurant has that name."""
    sql = "UPDATE campaigns.audiences SET name = $2, conditions = $3::text::jsonb, updated_at = $4 WHERE id = $1"
    try:
        await tx.execute(sql, audience_id, name, msgspec.json.encode(conditions).decode(), now)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def lock(tx: Transaction, restaurant_id: UUID, audience_id: UUID) -> bool:
    """Lock an audience, against a campaign that refers to it as well; return False where there is none."""
    sql = "SELECT id FROM campaigns.audiences WHERE id = $1 AND restaurant_id = $2 FOR UPDATE"
    return await tx.fetch_value(sql, audience_id, restaurant_id) is not None


async def campaign_using(tx: Transaction, audience_id: UUID, states: Sequence[str]) -> str | None:
    """Return the name of a campaign in one of the states that is for this audience."""
    name: str | None = await tx.fetch_value(IN_USE, audience_id, list(states))
    return name


async def delete(tx: Transaction, audience_id: UUID) -> None:
    """Delete an audience; campaigns that were made for it have none then."""
    await tx.execute("DELETE FROM campaigns.audiences WHERE id = $1", audience_id)


async def reach(tx: Transaction, restaurant_id: UUID, query: Compiled) -> tuple[int, int]:
    """Return how many people the conditions find: those who may be mailed, and all. Parameters begin at `$2`."""
    sql = f"""
        SELECT count(*) FILTER (WHERE {REACHABLE}) AS reached, count(*) AS found
        FROM campaigns.people p WHERE p.restaurant_id = $1 AND {query.matching}
    """
    row = await tx.fetch_row(sql, restaurant_id, *query.arguments)
    assert row is not None  # noqa: S101 - an aggregate has a row
    return row["reached"], row["found"]


async def sample(tx: Transaction, restaurant_id: UUID, query: Compiled, most: int) -> Sequence[Record]:
    """Return some of those who would be mailed. Parameters begin at `$2`.

    Ids follow from addresses by a hash, so that their order is as good as chance, and the same each time. They are
    ordered as texts, for by the primary key PostgreSQL would walk through the people of all other restaurants.
    """
    sql = f"""
        SELECT p.id, p.name, p.email, p.orders, p.spent, p.last_order_at
        FROM campaigns.people p WHERE p.restaurant_id = $1 AND {query.where} ORDER BY p.id::text LIMIT {most}
    """
    return await tx.fetch(sql, restaurant_id, *query.arguments)

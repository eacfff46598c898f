"""Restaurants for tests that need no more than a row."""

from uuid import UUID

from comanda.engine.database import Database

INSERT = """
INSERT INTO catalog.restaurants (id, slug, name, currency, timezone, country, locale)
VALUES ($1, $2, $2, 'EUR', 'Europe/Berlin', 'DE', 'en')
"""


async def restaurant_row(database: Database, number: int = 1) -> UUID:
    """Insert a restaurant and return its id."""
    id_ = UUID(int=number)
    async with database.transaction() as tx:
        await tx.execute(INSERT, id_, f"r{number}")
    return id_

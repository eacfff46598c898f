"""The filled database, made once for all tests of its queries, and a shop on it that has each statement explained."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from comanda.contracts.catalog import Trading
from comanda.engine.database.embedded import EmbeddedPostgres
from tests.fakes.clock import FakeClock
from tests.fakes.explained import ExplainedDatabase
from tests.fakes.shop import Shop, add_coupon, open_shop
from tests.integration.queries.filled import fill

NAME = "filled"


@pytest.fixture(scope="package")
async def filled_url(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """The URL of a database with a hundred thousand orders in it."""
    server = await asyncpg.connect(postgres.url)
    try:
        await server.execute(f"CREATE DATABASE {NAME} TEMPLATE {template}")
        url = postgres.url.replace("/comanda?", f"/{NAME}?")
        await fill(url)
        yield url
        await server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
    finally:
        await server.close()


@pytest.fixture(scope="package")
async def order_id(filled_url: str) -> UUID:
    """The id of the order of number 500, which is at the restaurant of the tests."""
    connection = await asyncpg.connect(filled_url)
    found: UUID = await connection.fetchval("SELECT id FROM numbered WHERE n = 500")
    await connection.close()
    return found


@pytest.fixture(scope="package")
async def explained(filled_url: str) -> AsyncIterator[ExplainedDatabase]:
    """The filled database, explaining what it runs."""
    database = ExplainedDatabase(filled_url)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture(scope="package")
async def filled_shop(explained: ExplainedDatabase) -> AsyncIterator[Shop]:
    """A shop on the filled database, with slots and a coupon, so that an order needs all that one can need."""
    async with open_shop(explained, FakeClock(), trading=Trading(slot_capacity=100)) as shop:
        await add_coupon(explained, "SPRING", total=1000, guest=5)
        yield shop


@pytest.fixture
def watched(explained: ExplainedDatabase) -> ExplainedDatabase:
    """The explaining database, with nothing seen yet."""
    explained.seen.clear()
    explained.faults.clear()
    return explained

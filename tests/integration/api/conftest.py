"""A web process for the tests of the API."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from comanda.engine.database.embedded import EmbeddedPostgres
from tests.fakes.served_house import ServedHouse, served_house

NAME = "api"


@pytest.fixture(scope="module")
async def served(
    postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServedHouse]:
    """A web process on a filled database, for the tests of one module: some change all that the API lets them."""
    server = await asyncpg.connect(postgres.url)
    try:
        await server.execute(f"CREATE DATABASE {NAME} TEMPLATE {template}")
        async with served_house(postgres.url.replace("/comanda?", f"/{NAME}?"), tmp_path_factory.mktemp(NAME)) as house:
            yield house
        await server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
    finally:
        await server.close()

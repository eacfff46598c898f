"""`comanda customers import`, killed in the middle, goes on where it stood when it is given again."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from comanda.engine.database import Database
from comanda.environment import as_environ
from comanda.seeding import seed
from comanda.settings import Settings
from tests.fakes.lanes import until
from tests.integration.customers.importer import people

ROWS = 60_000


async def comanda(settings: Settings, *arguments: str) -> asyncio.subprocess.Process:
    """Start the program on the test's database."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "comanda", *arguments,
        env={**os.environ, **as_environ(settings)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.slow  # Several Python processes start one after the other.
async def test_killed_and_given_again(database: Database, tmp_path: Path) -> None:
    """Nothing is lost and nothing written twice; a third time finds it finished."""
    settings = Settings(data=tmp_path, database_url=database.url)
    await seed(settings, demo=True, first_account=False)
    file = tmp_path / "list.csv"
    file.write_bytes(people(ROWS))
    command = ("customers", "import", str(file), "--restaurant", "demo", "--json")
    first = await comanda(settings, *command)

    async def begun() -> bool:
        return bool(await database.fetch_value("SELECT count(*) FROM customers.customers"))

    try:
        await until(begun)
    finally:
        first.kill()
        await first.wait()
    half = await database.fetch_value("SELECT count(*) FROM customers.customers")
    assert 0 < half < ROWS
    for _ in range(2):
        again = await comanda(settings, *command)
        out, _ = await again.communicate()
        assert again.returncode == 0
        report = json.loads(out)
        assert (report["state"], report["counts"]["rows"], report["counts"]["made"]) == ("finished", ROWS, ROWS)
    assert await database.fetch_value("SELECT count(*) FROM customers.imports") == 1
    assert await database.fetch_value("SELECT count(*) FROM customers.customers WHERE version = 1") == ROWS
    assert await database.fetch_value("SELECT count(*) FROM customers.consents") == ROWS

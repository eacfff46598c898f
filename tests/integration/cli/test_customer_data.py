"""`comanda customers export` and `erase`, on a database of the test's own."""

import asyncio
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from typer.testing import CliRunner

from comanda.cli import customer_data, customers
from comanda.engine.database import Database
from comanda.engine.errors import Refused, SettingError
from comanda.seeding import seed
from comanda.settings import Settings

ANN = UUID(int=5)
MAKE = """
INSERT INTO customers.customers (id, restaurant_id, email, name, phone, last_order_at)
SELECT $1, id, 'ann@example.com', 'Ann', '', $2::timestamptz FROM catalog.restaurants WHERE slug = 'demo'
"""
FRESH = "UPDATE customers.customers SET first_order_at = now(), last_order_at = now()"
ERASED = "SELECT count(*) FROM engine.events WHERE name = 'customers.CustomerErased'"


@pytest.fixture
async def settings(database: Database, tmp_path: Path) -> Settings:
    """The settings of commands on a database with a restaurant that has one customer."""
    settings = Settings(data=tmp_path, database_url=database.url)
    await seed(settings, demo=True, first_account=False)
    async with database.transaction() as tx:
        await tx.execute(MAKE, ANN, None)
    return settings


def run(monkeypatch: pytest.MonkeyPatch, settings: Settings, *arguments: str, answer: str = "") -> tuple[int, str]:
    """Give the command with these settings; return its exit code and standard output."""
    monkeypatch.setattr(customer_data, "begin", lambda _process, **_chosen: settings)
    done = CliRunner().invoke(customers.app, arguments, input=answer)
    return done.exit_code, done.stdout


async def test_all_that_is_kept_is_given_out(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To standard output, or into a file, of the address in any case."""
    code, out = await asyncio.to_thread(run, monkeypatch, settings, "export", " ANN@Example.com")
    assert (code, msgspec.json.decode(out)["customer"]["name"]) == (0, "Ann")
    file = tmp_path / "ann.json"
    code, told = await asyncio.to_thread(
        run, monkeypatch, settings, "export", "ann@example.com", "--out", str(file), "--json"
    )
    assert (code, msgspec.json.decode(told)) == (0, {"file": str(file), "bytes": len(out)})
    assert file.read_text() == out


async def test_only_who_confirms_erases(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A no, or no answer at all, changes nothing; a yes takes the customer away and tells the others."""
    for answer in ("n\n", ""):
        code, _ = await asyncio.to_thread(run, monkeypatch, settings, "erase", "ann@example.com", answer=answer)
        assert code == 1
    assert await database.fetch_value("SELECT count(*) FROM customers.customers") == 1
    code, _ = await asyncio.to_thread(run, monkeypatch, settings, "erase", "ann@example.com", answer="y\n")
    assert code == 0
    assert await database.fetch_value("SELECT count(*) FROM customers.customers") == 0
    assert await database.fetch_value(ERASED) == 1


async def test_a_program_erases_without_a_question(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --yes and --json the standard output is one document."""
    code, out = await asyncio.to_thread(run, monkeypatch, settings, "erase", "ann@example.com", "--yes", "--json")
    assert (code, msgspec.json.decode(out)) == (0, {"customer_id": str(ANN), "state": "erased"})


async def test_who_cannot_be_erased_is_told(database: Database, settings: Settings) -> None:
    """Nobody of that address, no address, no such restaurant, an order of today."""
    with pytest.raises(Refused, match="no such customer"):
        await customer_data.erased(settings, "demo", "bo@example.com")
    with pytest.raises(SettingError, match="no e-mail address"):
        await customer_data.erased(settings, "demo", "ann")
    with pytest.raises(SettingError, match="no restaurant 'nowhere'"):
        await customer_data.exported(settings, "nowhere", "ann@example.com")
    async with database.transaction() as tx:
        await tx.execute(FRESH)
    with pytest.raises(Refused, match="less than a day old"):
        await customer_data.erased(settings, "demo", "ann@example.com")

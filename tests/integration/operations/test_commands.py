"""`comanda lanes` and `comanda parked` as an operator has them in a terminal."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from comanda.cli.command import doer
from comanda.cli.main import app
from comanda.engine.database import Database
from comanda.engine.errors import Refused, SettingError
from comanda.settings import Settings
from tests.fakes.running_box import run

Comanda = Callable[..., Awaitable[Result]]

PARK = """
INSERT INTO engine.parked
    (consumer, event_id, shard, position, at, version, name, key, payload, state, attempts, error, next_at)
SELECT 'receipts.send', n, n % 16, '7', now(), 1, 'ordering.OrderPaid', 'order ' || n, '{}',
    CASE WHEN n <= 4 THEN 'dead' ELSE 'waiting' END, 3, 'MailRefused: mailbox ' || n || ' is full', now()
FROM generate_series(1, 6) n
"""


@pytest.fixture
def comanda(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comanda:
    """Return the program on the test's database, run in this process, whose log and umask it leaves alone."""
    settings = Settings(data=tmp_path, database_url=database_url)
    for module in ("lanes", "parked"):
        monkeypatch.setattr(f"comanda.cli.{module}.begin", lambda *_, **__: settings)
    monkeypatch.setenv("COLUMNS", "250")

    async def comanda(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, arguments)

    return comanda


async def test_the_lanes_in_a_terminal(comanda: Comanda) -> None:
    """A table for people, and all that is known as JSON."""
    shown = (await comanda("lanes")).stdout
    assert "receipts.send" in shown
    assert "unattended" in shown
    document = json.loads((await comanda("lanes", "--json")).stdout)
    assert {"lane", "backlog", "age_s", "workers", "minutes"} <= set(document["lanes"][0])


async def test_steering_in_a_terminal(comanda: Comanda, database: Database) -> None:
    """Pausing, cutting and resuming take effect, and the log says who did it; a wrong name or number is told."""
    with capture_logs() as logs:
        done = [
            (await comanda("lanes", *arguments)).stdout
            for arguments in (
                ("pause", "receipts.send"),
                ("shards", "receipts.send", "4"),
                ("resume", "receipts.send"),
            )
        ]
    assert done == [
        "receipts.send: paused, cut into 16, backlog 0\n",
        "receipts.send: paused, cut into 4, backlog 0\n",
        "receipts.send: unattended, cut into 4, backlog 0\n",
    ]
    told = [(line["event"], line["who"]) for line in logs if "who" in line]
    assert told == [("lane paused", doer()), ("lane cut anew", doer()), ("lane resumed", doer())]
    row = await database.fetch_row("SELECT shards, paused_at FROM engine.lanes WHERE name = 'receipts.send'")
    assert row is not None
    assert (row["shards"], row["paused_at"]) == (4, None)
    wrong = (await comanda("lanes", "pause", "no.such")).exception
    assert isinstance(wrong, SettingError)
    assert "There is no lane 'no.such'; there are" in str(wrong)
    wrong = (await comanda("lanes", "shards", "receipts.send", "3")).exception
    assert isinstance(wrong, Refused)


async def left(database: Database) -> list[tuple[int, str]]:
    """Return what is parked."""
    rows = await database.fetch("SELECT event_id, state FROM engine.parked ORDER BY event_id")
    return [(row["event_id"], row["state"]) for row in rows]


async def test_parked_events_in_a_terminal(comanda: Comanda, database: Database) -> None:
    """Shown by lane and filter, for people and as JSON."""
    await database.fetch(PARK)
    shown = (await comanda("parked", "receipts.send", "--dead")).stdout
    assert shown.count("ordering.OrderPaid") == 4
    assert "MailRefused: mailbox 1 is full" in shown
    told = json.loads((await comanda("parked", "--json", "--error", "MAILBOX 5")).stdout)
    assert [(event["consumer"], event["event_id"]) for event in told] == [("receipts.send", 5)]
    assert (await comanda("parked", "payments.charge")).stdout == "Nothing is parked.\n"
    assert (await comanda("parked", "--key", "no such")).stdout == "Nothing parked fits.\n"


async def test_redriving_and_dropping_in_a_terminal(comanda: Comanda, database: Database) -> None:
    """What was said, and nothing else."""
    await database.fetch(PARK)
    with capture_logs() as logs:
        done = await comanda("parked", "redrive", "receipts.send", "--id", "1", "--id", "2")
    assert done.stdout == "2 tried again.\n"
    assert ("parked events redriven", doer()) in [(line["event"], line.get("who")) for line in logs]
    assert [state for _, state in await left(database)] == ["waiting", "waiting", "dead", "dead", "waiting", "waiting"]
    assert (await comanda("parked", "drop", "--dead", "--key", "order 3", "--yes")).stdout.endswith("1 dropped.\n")
    assert (await comanda("parked", "drop", "--all", "--yes")).stdout.endswith("5 dropped.\n")
    assert await left(database) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("redrive", "receipts.send"),
        ("drop", "receipts.send", "--yes"),
        ("drop", "receipts.send", "--all"),
        ("redrive", "--dead", "--waiting"),
        ("redrive", "--older", "soon", "--dead"),
    ],
)
async def test_what_is_not_said_clearly_does_nothing(
    comanda: Comanda, database: Database, arguments: tuple[str, ...]
) -> None:
    """Neither without a word of which events, nor without a yes to the question."""
    await database.fetch(PARK)
    before = await left(database)
    assert (await comanda("parked", *arguments)).exit_code != 0
    assert await left(database) == before


@pytest.mark.slow  # A process of its own, which loads the whole house.
async def test_the_commands_as_processes(database_url: str, tmp_path: Path) -> None:
    """What a shell gets: the exit status, the answer on standard output, mistakes in one line on standard error."""
    environ = {"COMANDA_DATABASE_URL": database_url, "COMANDA_DATA": str(tmp_path)}
    shown, refused = await asyncio.gather(
        asyncio.to_thread(run, "parked", environ=environ),
        asyncio.to_thread(run, "lanes", "pause", "no.such", environ=environ),
    )
    assert shown[:2] == (0, "Nothing is parked.\n")
    assert refused[0] == 78
    assert refused[2].startswith("comanda: There is no lane 'no.such'")

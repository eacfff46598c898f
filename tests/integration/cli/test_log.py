"""`comanda log`, on a database of the test's own."""

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from comanda.cli import log as command
from comanda.cli.moment import moment
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Refused, SettingError
from comanda.engine.events import shard_of
from comanda.engine.lanes.cursors import ensure
from comanda.engine.lanes.relay import Relay
from comanda.engine.monitoring.tail import LogTail
from comanda.house import build_house
from comanda.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.lanes import Rung, Silenced, ringing, until

CONSUMER = "kitchen.tickets"
HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())"


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """The settings of a command that is run on the test's database."""
    return Settings(data=tmp_path, database_url=database.url)


async def ring(database: Database, *numbers: int, bell: str = "noon") -> None:
    """Ring a bell, once in each transaction, and let the horizon pass it."""
    async with ringing(database) as log:
        for number in numbers:
            async with database.transaction() as tx:
                await log.emit(tx, Rung(bell=bell, number=number))
    await database.fetch_value("SELECT pg_current_xact_id()")


async def positions(database: Database) -> list[int]:
    """Return where the consumer's cursors stand."""
    rows = await database.fetch("SELECT position FROM engine.cursors WHERE consumer = $1 ORDER BY shard", CONSUMER)
    return [row["position"] for row in rows]


async def test_the_newest_events_are_shown_the_oldest_first(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many as asked, of the name and the key that are asked for, as lines of JSON."""
    await ring(database, 1, 2, 3)
    await ring(database, 9, bell="evening")
    async with ringing(database) as log, database.transaction() as tx:
        await log.emit(tx, Silenced(bell="noon"))
    await database.fetch_value("SELECT pg_current_xact_id()")

    async def shown(*, name: str | None = None, key: str | None = None, last: int = 50, since: str = "1h") -> list[str]:
        await command.show_events(settings, since, name=name, key=key, last=last, follow=False, json=True)
        lines = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
        return [f"{line['key']} {line['payload'].get('number')}" for line in lines]

    assert await shown() == ["noon 1", "noon 2", "noon 3", "evening 9", "noon None"]
    assert await shown(last=2) == ["evening 9", "noon None"]
    assert await shown(key="noon", name="test.Rung") == ["noon 1", "noon 2", "noon 3"]
    assert await shown(key="noon", last=1) == ["noon None"]
    assert await shown(since=(SystemClock().now() + timedelta(hours=1)).isoformat()) == []


async def test_people_get_a_line_for_each_event(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its time, name, version, key and payload; and a sentence where there is none."""
    await command.show_events(settings, "1h", name=None, key=None, last=50, follow=False, json=False)
    assert capsys.readouterr().out == "No such event since 1h.\n"
    await ring(database, 1)
    await command.show_events(settings, "1h", name=None, key=None, last=50, follow=False, json=False)
    assert capsys.readouterr().out.endswith('  test.Rung v1  noon  {"bell":"noon","number":1}\n')


async def test_who_follows_sees_each_event_once_also_one_that_was_committed_late(database: Database) -> None:
    """An event with a smaller id becomes readable after one that was shown."""
    await ring(database, 1)
    tail = LogTail(database)
    assert len(await tail.last(10, SystemClock().now() - timedelta(hours=1))) == 1
    late = await database.connect()
    try:
        transaction = late.transaction()
        async with ringing(database) as log:
            await transaction.start()
            await log.emit(Transaction(late), Rung(bell="noon", number=2))
            await ring(database, 3)
            assert await tail.new() == []
            await transaction.commit()
    finally:
        await late.close()
    seen: list[int] = []

    async def both() -> bool:
        await database.fetch_value("SELECT pg_current_xact_id()")
        seen.extend(msgspec.json.decode(event.payload)["number"] for event in await tail.new())
        return len(seen) >= 2

    await until(both)
    assert sorted(seen) == [2, 3]
    assert await tail.new() == []


async def test_a_replay_sets_the_cursors_and_says_so(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the first event since the time, in its shard."""
    await ring(database, 1, 2)
    await database.run(lambda tx: ensure(tx, {CONSUMER: None}))
    second = await database.fetch_row("SELECT at, position FROM engine.events ORDER BY id DESC LIMIT 1")
    assert second is not None
    await command.replay_consumer(settings, CONSUMER, second["at"].isoformat(), yes=True)
    assert (await positions(database))[shard_of("noon")] == second["position"]
    assert f"{CONSUMER} now reads from " in capsys.readouterr().out


async def test_a_replay_of_what_queues_brought_sets_the_relay_back_too(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A queue keeps nothing of what it has brought."""
    carried = msgspec.structs.replace(settings, events_url="sns+sqs://eu-central-1/comanda")
    [relay] = [one.name for one in build_house(carried, role="test").consumers if isinstance(one, Relay)]
    await database.run(lambda tx: ensure(tx, {CONSUMER: None, relay: None, "kitchen.other": None}))
    await command.replay_consumer(carried, CONSUMER, "1h", yes=True)
    rows = await database.fetch("SELECT DISTINCT consumer FROM engine.cursors WHERE epoch = 1")
    assert {row["consumer"] for row in rows} == {CONSUMER, relay}
    assert f"{relay} brings it those events again" in capsys.readouterr().out


async def test_nothing_is_replayed_unless_somebody_agrees(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning says that effects happen again; with nobody there to ask, it takes `--yes`."""
    await database.run(lambda tx: ensure(tx, {CONSUMER: None}))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(SettingError, match="--yes"):
        await command.replay_consumer(settings, CONSUMER, "2h", yes=False)
    assert "is done again" in capsys.readouterr().err
    assert set(await positions(database)) == {0}


async def test_a_replay_names_the_consumers_there_are(database: Database, settings: Settings) -> None:
    """Where the name is not known."""
    await database.run(lambda tx: ensure(tx, {CONSUMER: None}))
    with pytest.raises(Refused, match=CONSUMER):
        await command.replay_consumer(settings, "kitchen.tickts", "2h", yes=True)


async def test_only_a_consumer_that_no_longer_exists_is_forgotten(database: Database, settings: Settings) -> None:
    """One of the program would begin anew."""
    await database.run(lambda tx: ensure(tx, {CONSUMER: None, "kitchen.gone": None}))
    with pytest.raises(SettingError, match="comanda log replay"):
        await command.forget_consumer(settings, CONSUMER, yes=True)
    await command.forget_consumer(settings, "kitchen.gone", yes=True)
    assert await database.fetch_value("SELECT count(DISTINCT consumer) FROM engine.cursors") == 1


async def test_days_are_archived_and_dropped_on_demand(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """It tells what is kept and by whom; then it stores the day as a file and drops it."""
    ago = SystemClock().now() - timedelta(days=3)
    await database.fetch(
        "INSERT INTO engine.events (shard, version, name, key, payload, at) VALUES (0, 1, 'test.Rung', 'x', '{}', $1)",
        ago,
    )
    [outcome] = await command.archive_days(settings, "1d")
    command.tell([outcome])
    assert f"{ago.date()}  kept: not yet read by " in capsys.readouterr().out
    assert CONSUMER in outcome.holders
    for consumer in outcome.holders:
        await database.run(lambda tx, consumer=consumer: ensure(tx, {consumer: None}))  # type: ignore[misc]
    await database.fetch(f"UPDATE engine.cursors SET position = ({HORIZON})")
    command.tell(await command.archive_days(settings, "1d"))
    file = f"events/{ago:%Y}/{ago.date()}.parquet"
    assert f"{ago.date()}  dropped with 1 events; archived in {file}\n" in capsys.readouterr().out
    assert (settings.data / "files" / file).is_file()


def test_times_are_ago_or_iso(clock: FakeClock) -> None:
    """In UTC where no zone is named; what is neither is refused with an example."""
    now = clock.now()
    assert moment("2h", clock, told_as="--since") == now - timedelta(hours=2)
    assert moment("2026-11-24T18:30", clock, told_as="--since") == datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
    assert moment("2026-11-24T18:30+01:00", clock, told_as="--since") == datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
    with pytest.raises(SettingError, match="2026-11-24T18:30"):
        moment("yesterday", clock, told_as="--since")

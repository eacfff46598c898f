"""Retention: a day of the log goes when it is old and read by all, after it is safely archived, and not before."""

import asyncio
import io
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.database.partitions import partitions
from comanda.engine.errors import Unavailable
from comanda.engine.events import shard_of
from comanda.engine.files import FileInfo, FileStore, LocalFileStore
from comanda.engine.lanes import consumer
from comanda.engine.lanes.cursors import ensure, forget
from comanda.engine.retention import Archive, Outcome, Readers, Retention, Sweep, retention
from comanda.engine.retention.day import LOG, Day
from comanda.engine.retention.parquet import ArchiveUnreadable, ParquetArchive
from tests.fakes.lanes import EFFECT, Rung, drained, effects, make_effects, ringing, until, working

NAME = "test.reader"
KEEP = timedelta(days=7)

INSERT = """
INSERT INTO engine.events (shard, version, name, key, payload, at, trace)
SELECT $2, 1, 'test.Rung', 'noon', json_build_object('bell', 'noon', 'number', n, 'text', 'á "x"'),
    $3::timestamptz + make_interval(secs => n), CASE n WHEN 1 THEN '00-ab-cd-01' END
FROM generate_series(1, $1::int) n
"""

PASS = """
UPDATE engine.cursors SET position = pg_snapshot_xmin(pg_current_snapshot()) WHERE consumer = $1
"""


def day_ago(days: int) -> date:
    """Return the day that was so many days ago, in UTC."""
    return (SystemClock().now() - timedelta(days=days)).date()


async def log_on(database: Database, days: int, count: int = 3) -> None:
    """Log events on a day so long ago."""
    midnight = datetime.combine(day_ago(days), datetime.min.time(), UTC)
    await database.fetch(INSERT, count, shard_of("noon"), midnight)


async def read_all(database: Database, name: str) -> None:
    """Have a consumer read all there is."""
    await database.run(lambda tx: ensure(tx, {name: None}))
    await database.fetch(PASS, name)


def keeping(
    database: Database, *names: str, archive: Archive | None = None, carried: tuple[str, ...] = ()
) -> Retention:
    """Return a retention of seven days."""
    return Retention(database, clock=SystemClock(), keep=KEEP, readers=Readers(names, carried), archive=archive)


async def days(database: Database) -> list[int]:
    """Return the ages in days of the partitions of the past."""
    starts = await database.run(lambda tx: partitions(tx, LOG))
    return [(day_ago(0) - start).days for start in starts if start < day_ago(0)]


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[LocalFileStore]:
    """A folder for archives."""
    store = LocalFileStore(tmp_path, clock=SystemClock())
    await store.start()
    yield store
    await store.stop()


async def test_an_old_day_that_all_have_read_is_dropped_and_a_young_one_stays(database: Database) -> None:
    """A day is kept for the time after its end; a row that says how many events it had stays."""
    for age in (9, 8, 7, 1):
        await log_on(database, age, count=age)
    await read_all(database, NAME)
    outcomes = await keeping(database, NAME).apply()
    assert [(outcome.day, outcome.fate, outcome.events) for outcome in outcomes] == [
        (day_ago(9), "dropped", 9),
        (day_ago(8), "dropped", 8),
    ]
    assert await database.fetch_value("SELECT count(*) FROM engine.events") == 8
    rows = await database.fetch("SELECT day, file, events FROM engine.archives WHERE dropped_at IS NOT NULL")
    assert [(row["day"], row["file"], row["events"]) for row in rows] == [(day_ago(9), None, 9), (day_ago(8), None, 8)]
    assert await keeping(database, NAME).apply() == []


async def test_a_day_is_held_by_who_has_not_read_it_and_by_name(database: Database) -> None:
    """Also by one whom no program knows any more, until it is forgotten."""
    await log_on(database, 9)
    await database.run(lambda tx: ensure(tx, {"test.gone": None}))
    await read_all(database, NAME)
    with capture_logs() as told:
        [outcome] = await keeping(database, NAME).apply()
    assert (outcome.fate, outcome.holders) == ("held", ("test.gone",))
    assert any("comanda log forget" in line["event"] and line["consumers"] == ["test.gone"] for line in told)
    assert await days(database) == [9]
    await database.run(lambda tx: forget(tx, "test.gone"))
    [outcome] = await keeping(database, NAME).apply()
    assert outcome.fate == "dropped"


async def test_one_event_unread_in_one_shard_holds_its_day(database: Database) -> None:
    """The cursor stands just before the last event."""
    await log_on(database, 9)
    await read_all(database, NAME)
    await database.fetch(
        "UPDATE engine.cursors SET position = e.position, id = e.id - 1 FROM engine.events e"
        " WHERE e.id = (SELECT max(id) FROM engine.events) AND cursors.shard = e.shard"
    )
    assert [outcome.fate for outcome in await keeping(database, NAME).apply()] == ["held"]
    await database.fetch("UPDATE engine.cursors SET id = id + 1 WHERE shard = $1", shard_of("noon"))
    assert [outcome.fate for outcome in await keeping(database, NAME).apply()] == ["dropped"]


async def test_without_asking_the_cursors_unread_events_would_be_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above see the fault that they are there for."""

    async def nobody(*_: object) -> list[str]:
        return []

    monkeypatch.setattr(Day, "holders", nobody)
    await log_on(database, 9)
    await database.run(lambda tx: ensure(tx, {NAME: None}))
    assert [outcome.fate for outcome in await keeping(database, NAME).apply()] == ["dropped"]


async def test_a_consumer_that_has_not_begun_holds(database: Database) -> None:
    """A program's consumer whose worker never ran wants all that there is."""
    await log_on(database, 9)
    [outcome] = await keeping(database, NAME).apply()
    assert (outcome.fate, outcome.holders) == ("held", (NAME,))


async def test_who_is_brought_events_by_a_carrier_does_not_hold(database: Database) -> None:
    """Its cursors stand elsewhere; what brings them to the carrier holds."""
    await log_on(database, 9)
    await database.run(lambda tx: ensure(tx, {"test.carried": None, "test.carried@kafka": None}))
    await read_all(database, NAME)
    assert [o.fate for o in await keeping(database, NAME, carried=("test.carried",)).apply()] == ["dropped"]


async def test_a_day_is_archived_before_it_goes(database: Database, files: LocalFileStore) -> None:
    """In row groups of the stated size, with every column as it was."""
    await log_on(database, 9, count=25)
    await read_all(database, NAME)
    before = await database.fetch(
        "SELECT id, position, shard, at, version, name, key, payload, trace FROM engine.events ORDER BY position, id"
    )
    [outcome] = await keeping(database, NAME, archive=ParquetArchive(files, group=10)).apply()
    name = f"events/{day_ago(9):%Y}/{day_ago(9).isoformat()}.parquet"
    assert outcome == Outcome(day=day_ago(9), fate="dropped", events=25, file=name)
    stored = pq.ParquetFile(io.BytesIO(await files.get(name)))
    assert [stored.metadata.row_group(n).num_rows for n in range(stored.num_row_groups)] == [10, 10, 5]
    assert stored.read().to_pylist() == [dict(row) for row in before]
    row = await database.fetch_row("SELECT * FROM engine.archives")
    assert row is not None
    assert (row["file"], row["events"]) == (name, 25)
    assert row["dropped_at"] is not None


class Damaging(LocalFileStore):
    """A store that loses the last piece of a file."""

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Return all but the last 100 octets."""
        yield (await self.get(name))[:-100]


class Failing(LocalFileStore):
    """A store that is full after the first piece."""

    async def put(self, name: str, content: bytes | AsyncIterable[bytes]) -> FileInfo:
        """Take one piece and give up."""
        if not isinstance(content, bytes):
            async for _ in content:
                raise Unavailable("full")
        return await super().put(name, content)


@pytest.mark.parametrize(("kind", "error"), [(Damaging, ArchiveUnreadable), (Failing, Unavailable)])
async def test_a_day_whose_archive_cannot_be_read_back_stays(
    database: Database, tmp_path: Path, kind: type[LocalFileStore], error: type[Exception]
) -> None:
    """Whether the store refused it or lost a part of it."""
    await log_on(database, 9)
    await read_all(database, NAME)
    store: FileStore = kind(tmp_path, clock=SystemClock())
    with pytest.raises(error):
        await keeping(database, NAME, archive=ParquetArchive(store, group=2)).apply()
    assert await days(database) == [9]
    assert await database.fetch_value("SELECT count(*) FROM engine.archives") == 0


async def test_a_day_that_has_grown_since_it_was_archived_is_archived_anew(
    database: Database, files: LocalFileStore
) -> None:
    """A crash came between archiving and dropping, and a late commit after it."""
    await log_on(database, 9)
    await read_all(database, NAME)
    keeper = keeping(database, NAME, archive=ParquetArchive(files))
    await database.fetch("INSERT INTO engine.archives (day, file, events) VALUES ($1, 'x.parquet', 2)", day_ago(9))
    assert [outcome.fate for outcome in await keeper.apply()] == ["busy"]
    [outcome] = await keeper.apply()
    assert (outcome.fate, outcome.events) == ("dropped", 3)
    assert outcome.file != "x.parquet"


async def test_a_day_that_is_archived_is_not_archived_again(database: Database, files: LocalFileStore) -> None:
    """A crash came between archiving and dropping."""
    await log_on(database, 9)
    await read_all(database, NAME)
    await database.fetch("INSERT INTO engine.archives (day, file, events) VALUES ($1, 'x.parquet', 3)", day_ago(9))
    [outcome] = await keeping(database, NAME, archive=ParquetArchive(files)).apply()
    assert (outcome.fate, outcome.file) == ("dropped", "x.parquet")


async def test_a_log_that_is_being_read_is_not_waited_for_by_writers(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long read holds the drop up; it gives up soon, and an emit meanwhile is not held up for longer."""
    monkeypatch.setattr(retention, "TRIES", 1)
    await log_on(database, 9)
    assert [outcome.fate for outcome in await keeping(database, NAME).apply()] == ["held"]
    await read_all(database, NAME)
    reader = await asyncpg.connect(database.url)
    try:
        await reader.execute("BEGIN")
        await reader.fetch("SELECT * FROM engine.events LIMIT 1")
        dropping = asyncio.create_task(keeping(database, NAME).apply())
        async with ringing(database) as log, database.transaction() as tx:
            await log.emit(tx, Rung(bell="noon", number=1))
        assert [outcome.fate for outcome in await dropping] == ["busy"]
        await reader.execute("COMMIT")
    finally:
        await reader.close()
    assert [outcome.fate for outcome in await keeping(database, NAME).apply()] == ["dropped"]


async def test_lanes_go_on_while_days_go(database: Database) -> None:
    """Events are emitted and handled meanwhile, each once."""
    await make_effects(database)

    @consumer(NAME, on=[Rung])
    async def reader(tx: Transaction, event: Rung) -> None:
        await tx.execute(EFFECT, event.bell, event.number)

    for age in (11, 10, 9):
        await log_on(database, age, count=1)
    async with ringing(database) as log, working(database, reader):
        await drained(database, reader)
        applying = asyncio.create_task(keeping(database, NAME).apply())
        for number in range(10, 60):
            async with database.transaction() as tx:
                await log.emit(tx, Rung(bell="noon", number=number))
        assert [outcome.fate for outcome in await applying] == ["dropped"] * 3
        await until(lambda: database.fetch_value("SELECT count(*) >= 53 FROM effects"))
        await drained(database, reader)
    assert [number for _, number in await effects(database)] == [1, 1, 1, *range(10, 60)]


async def test_two_do_not_apply_it_at_once(database: Database) -> None:
    """The second leaves it to the first."""
    await log_on(database, 9)
    await read_all(database, NAME)
    both = await asyncio.gather(keeping(database, NAME).apply(), keeping(database, NAME).apply())
    assert sum(len(outcomes) for outcomes in both) == 1


async def test_the_sweep_removes_what_is_old_in_small_batches(database: Database) -> None:
    """And leaves the rest."""
    await database.fetch(
        "INSERT INTO engine.inbox (consumer, event_id, at)"
        " SELECT 'test', n, now() - make_interval(days => n::int) FROM generate_series(1, 30) n"
    )
    await database.fetch(
        "INSERT INTO engine.rates (lane, key, tokens, filled_at, idle_at)"
        " SELECT 'test', n::text, 1, now(), now() + make_interval(hours => n::int) FROM generate_series(-20, 9) n"
    )
    await database.fetch("INSERT INTO engine.lane_minutes (lane, minute) VALUES ('test', '1970-01-01 00:00Z')")
    await Sweep(database, batch=5).run()
    assert await database.fetch_value("SELECT max(event_id) FROM engine.inbox") in {13, 14}
    assert await database.fetch_value("SELECT count(*) FROM engine.rates") in {9, 10}
    assert await database.fetch_value("SELECT count(*) FROM engine.lane_minutes") == 1  # It sums up all before it.

"""Who may commit a partition, and from where it is read: the rows in the cursor table, on a real database."""

from datetime import UTC, datetime

import pytest

from comanda.engine.database import Database
from comanda.engine.errors import Fenced
from comanda.engine.lanes.cursors import set_to
from comanda.engine.lanes.source import LoggedEvent
from comanda.engine.transports.kafka import progress as rows
from comanda.engine.transports.kafka.message import Place
from comanda.engine.transports.kafka.progress import Progress
from tests.fakes.lanes import until

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LONG_S = 3600.0


def event(number: int, epoch: int, offset: int = 0, *, shard: int = 3) -> LoggedEvent:
    """Return an event of the log as it was read from Kafka."""
    return LoggedEvent(shard, number, number, AT, 1, "test.Rung", "b", "{}", None, Place(epoch, offset + 1))


def progress(database: Database, owner: int, *, lease_s: float = LONG_S) -> Progress:
    """Return the rows as one worker sees them."""
    return Progress(database, "test.hear", "kafka.topic", owner=lambda: owner, lease_s=lease_s)


@pytest.fixture
async def cursors(database: Database) -> Database:
    """A database in which the consumer's own cursors stand, one of them with progress in the log."""
    await database.fetch(
        "INSERT INTO engine.cursors (consumer, shard, position, id)"
        " SELECT 'test.hear', s, CASE s WHEN 3 THEN '40' ELSE '0' END::xid8, 7 FROM generate_series(0, 15) s"
    )
    return database


async def standing(database: Database) -> list[tuple[str, int, int, str | None]]:
    """Return both rows of shard 3."""
    rows = await database.fetch("SELECT * FROM engine.cursors WHERE shard = 3 ORDER BY consumer")
    return [(row["consumer"], row["position"], row["id"], row["place"]) for row in rows]


async def test_a_new_carrier_goes_on_where_the_log_was_read_to(cursors: Database) -> None:
    """A partition is read from its beginning, and what the lane had handled before is behind it."""
    [taken] = await progress(cursors, -1).take([3])
    assert (taken.epoch, taken.behind, taken.offset) == (1, (40, 7), None)


async def test_the_log_goes_on_where_the_carrier_was_read_to(cursors: Database) -> None:
    """Both rows move with the effect: the log's position in both, the offset in the carrier's."""
    mine = progress(cursors, -1)
    await mine.take([3])
    async with cursors.transaction() as tx:
        await mine.move(tx, [event(41, 1, 5), event(42, 1, 6)])
    assert await standing(cursors) == [("test.hear", 42, 42, None), ("test.hear@kafka.topic", 42, 42, "7")]


async def test_a_shard_is_taken_by_one(cursors: Database) -> None:
    """Another gets it when it is given back, or when the lease has ended, and then under a new epoch."""
    first, second = progress(cursors, -1), progress(cursors, -2, lease_s=0.05)
    assert [taken.epoch for taken in await first.take([3])] == [1]
    assert await second.take([3]) == []
    await first.give({3: 1})
    assert [taken.epoch for taken in await second.take([3])] == [2]
    third = progress(cursors, -3)
    taken = []

    async def took() -> bool:
        taken.extend(await third.take([3]))
        return bool(taken)

    await until(took)
    assert taken[0].epoch == 3
    assert await second.renew({3: 2}) == set()
    assert await third.renew({3: 3}) == {3}


async def test_who_takes_a_dead_workers_place_does_not_wait(cursors: Database) -> None:
    """The same member's next process has the shards at once; the epoch still tells the two apart."""
    assert [taken.epoch for taken in await progress(cursors, -1).take([3])] == [1]
    assert [taken.epoch for taken in await progress(cursors, -1).take([3])] == [2]


async def late_commit(database: Database) -> None:
    """Commit an effect's progress after another has taken the shard over."""
    late, now = progress(database, -1, lease_s=0.0), progress(database, -2)
    await late.take([3])
    await now.take([3])
    for moving in (True, False):
        with pytest.raises(Fenced):
            async with database.transaction() as tx:
                await late.unseen(tx, [event(41, 1)], moving=moving)
    async with database.transaction() as tx:
        await late.move(tx, [event(41, 1)])


async def test_a_late_commit_is_refused(cursors: Database) -> None:
    """A worker that was believed dead and wakes up: nothing of it is committed."""
    with pytest.raises(Fenced):
        await late_commit(cursors)
    assert await standing(cursors) == [("test.hear", 40, 7, None), ("test.hear@kafka.topic", 40, 7, None)]


async def test_planted_without_epochs_a_late_commit_goes_through(
    cursors: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above fails where the move does not look at the epoch."""
    monkeypatch.setattr(rows, "MOVE", rows.MOVE.replace("AND c.epoch = held.epoch", ""))
    await late_commit(cursors)
    assert (await standing(cursors))[0] == ("test.hear", 41, 41, None)


async def test_who_is_about_to_call_holds_off_others(cursors: Database) -> None:
    """While a claim is written, nobody takes the shard; an event that had its effect is not called for."""
    mine, other = progress(cursors, -1, lease_s=0.0), progress(cursors, -2)
    [taken] = await mine.take([3])
    async with cursors.transaction() as tx:
        unseen = await mine.unseen(tx, [event(39, taken.epoch), event(41, taken.epoch)], moving=False)
        assert [each.id for each in unseen] == [41]
        assert await other.take([3]) == []
    assert len(await other.take([3])) == 1


async def test_a_cursor_never_moves_back(cursors: Database) -> None:
    """What is brought again may end before what was moved past already."""
    mine = progress(cursors, -1)
    await mine.take([3])
    for number, offset in ((45, 9), (41, 5)):
        async with cursors.transaction() as tx:
            await mine.move(tx, [event(number, 1, offset)])
    assert await standing(cursors) == [("test.hear", 45, 45, None), ("test.hear@kafka.topic", 45, 45, "10")]


async def test_what_is_not_wanted_is_skipped_under_the_lease(cursors: Database) -> None:
    """Moving past nothing needs the lease as any other move."""
    mine = progress(cursors, -1)
    await mine.take([3])
    await mine.skip({3: (50, 50, Place(1, 20))})
    assert (await standing(cursors))[1][1:] == (50, 50, "20")
    with pytest.raises(Fenced):
        await mine.skip({3: (51, 51, Place(0, 21))})


async def test_a_cursor_that_was_set_back_is_followed(cursors: Database) -> None:
    """A replay moves the consumer's own cursor alone: what is in hand is refused, and the partition read anew."""
    mine = progress(cursors, -1)
    await mine.take([3])
    await mine.skip({3: (50, 50, Place(1, 20))})
    since = await cursors.fetch_value("SELECT now() - interval '1 day'")
    async with cursors.transaction() as tx:
        await set_to(tx, "test.hear", since)
    await cursors.fetch("UPDATE engine.cursors SET position = '41', id = 0 WHERE consumer = 'test.hear' AND shard = 3")
    for refused in (
        lambda tx: mine.move(tx, [event(51, 1, 20)]),
        lambda tx: mine.unseen(tx, [event(51, 1, 20)], moving=True),
        lambda tx: mine.unseen(tx, [event(51, 1, 20)], moving=False),
    ):
        with pytest.raises(Fenced):
            async with cursors.transaction() as tx:
                await refused(tx)
    assert await mine.renew({3: 1}) == set()
    [taken] = await mine.take([3])
    assert (taken.behind, taken.offset) == ((41, 0), None)
    async with cursors.transaction() as tx:
        await mine.move(tx, [event(42, taken.epoch, 1)])
    assert (await standing(cursors))[1][1:] == (42, 42, "2")


async def test_a_cursor_that_the_log_has_moved_on_keeps_its_place(cursors: Database) -> None:
    """What the log brought meanwhile is behind; the offset of before is where to read on."""
    mine = progress(cursors, -1)
    await mine.take([3])
    await mine.skip({3: (50, 50, Place(1, 20))})
    await cursors.fetch("UPDATE engine.cursors SET position = '60' WHERE consumer = 'test.hear' AND shard = 3")
    [taken] = await mine.take([3])
    assert (taken.behind, taken.offset) == ((60, 50), 20)

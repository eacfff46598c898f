"""What a person does at the desk: looks at what is parked, redrives it, drops it; pauses a lane, cuts it anew."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.parked_desk import MAX_IDS, ParkedDesk, ParkedFilter
from comanda.engine.lanes.steering import pause, resume, set_shards
from comanda.engine.monitoring import overview
from tests.fakes.lanes import effects, until, working
from tests.integration.operations.conftest import Handler, emit

LANE = "bells.ring"


@pytest.fixture
def desk(database: Database) -> ParkedDesk:
    """Return a desk whose chunks are small, so that there are several."""
    return ParkedDesk(database, chunk=2)


@pytest.fixture
async def parked(database: Database, log: EventLog, ring: Consumer, handler: Handler) -> AsyncIterator[None]:
    """Five dead letters of `cracked`, `split` and `bent`, one waiting event of `late`, with a worker beside them."""
    handler.broken |= {"cracked", "split", "bent", "worn", "torn"}
    handler.late.add("late")
    async with working(database, ring):
        await emit(database, log, "cracked", "split", "bent", "worn", "torn", "late")

        async def there() -> bool:
            seen = (await overview(database, [ring])).lanes[0]
            return (seen.dead, seen.waiting) == (5, 1)

        await until(there)
        yield


async def keys(desk: ParkedDesk, **chosen: object) -> list[str]:
    """Return the keys of what a filter shows."""
    return [event.key for event in await desk.look(ParkedFilter(lane=LANE, **chosen))]  # type: ignore[arg-type]  # the test's own


@pytest.mark.usefixtures("parked")
async def test_looking_by_filter(desk: ParkedDesk) -> None:
    """By state, name, key, a part of the error, age and id; page by page."""
    everything = await desk.look(ParkedFilter(lane=LANE))
    assert [event.key for event in everything] == ["cracked", "split", "bent", "worn", "torn", "late"]
    assert await keys(desk, state="waiting") == ["late"]
    assert await keys(desk, key="bent") == ["bent"]
    assert await keys(desk, name="test.Silenced") == []
    assert await keys(desk, error="BELL SPLIT is") == ["split"]
    assert await keys(desk, error="100%") == []
    assert await keys(desk, older_than_s=3600) == []
    assert await keys(desk, ids=(everything[3].event_id, 10**12)) == ["worn"]
    page = await desk.look(ParkedFilter(lane=LANE), after=everything[1].event_id, limit=2)
    assert [event.key for event in page] == ["bent", "worn"]
    assert await desk.look(ParkedFilter(lane="other.lane")) == []
    with pytest.raises(Refused):
        await desk.look(ParkedFilter(lane=LANE, ids=tuple(range(MAX_IDS + 1))))


@pytest.mark.usefixtures("parked")
async def test_redriving_one_and_all(database: Database, desk: ParkedDesk, handler: Handler) -> None:
    """What is redriven is tried again from its first try on, and takes effect once; the log says who did it."""
    handler.broken.clear()
    with capture_logs() as logs:
        assert await desk.redrive(ParkedFilter(lane=LANE, key="bent"), who="ana@example.org") == 1

    async def rung(*bells: str) -> bool:
        return sorted(bell for bell, _ in await effects(database)) == sorted(bells)

    await until(lambda: rung("bent"))
    (line,) = (line for line in logs if "who" in line)
    assert (line["event"], line["lane"], line["who"], line["events"]) == (
        "parked events redriven",
        LANE,
        "ana@example.org",
        1,
    )
    assert await desk.redrive(ParkedFilter(lane=LANE, state="dead"), who="ana@example.org") == 4
    await until(lambda: rung("bent", "cracked", "split", "worn", "torn"))
    assert await keys(desk) == ["late"]


@pytest.mark.usefixtures("parked")
async def test_redriven_letters_that_fail_again_are_dead_again(database: Database, desk: ParkedDesk) -> None:
    """A redrive promises tries, not success; nothing is lost by one that was too early."""
    assert await desk.redrive(ParkedFilter(lane=LANE, error="bell cracked"), who="x") == 1

    async def dead() -> bool:
        return (await desk.look(ParkedFilter(lane=LANE, key="cracked")))[0].state == "dead"

    await until(dead)
    assert (await desk.look(ParkedFilter(lane=LANE, key="cracked")))[0].attempts == 1
    assert await effects(database) == []


@pytest.mark.usefixtures("parked")
async def test_what_is_tried_soon_is_left_alone(database: Database, desk: ParkedDesk, handler: Handler) -> None:
    """Its call may be under way; a second one beside it is what nobody wants. What waits for long is tried now."""
    await database.fetch(
        "UPDATE engine.parked SET state = 'waiting', next_at = now() + interval '9 seconds' WHERE key = 'split'"
    )
    handler.late.clear()
    assert await desk.redrive(ParkedFilter(lane=LANE, state="waiting"), who="x") == 1

    async def rung() -> bool:
        return await effects(database) == [("late", 5)]

    await until(rung)
    assert [event.key for event in await desk.look(ParkedFilter(lane=LANE, state="waiting"))] == ["split"]


async def test_dropping_releases_the_key(
    database: Database, log: EventLog, ring: Consumer, handler: Handler, desk: ParkedDesk
) -> None:
    """Later events of a dropped letter's key go on; the dropped one has no effect, ever."""
    handler.broken.add("bell")
    async with working(database, ring):
        await emit(database, log, "bell", "bell", "bell")

        async def held_back() -> bool:
            return len(await desk.look(ParkedFilter(lane=LANE))) == 3

        await until(held_back)
        handler.broken.clear()
        behind = await desk.look(ParkedFilter(lane=LANE, state="waiting"))
        assert [event.attempts for event in behind] == [0, 0]
        assert await desk.redrive(ParkedFilter(lane=LANE, state="waiting"), who="x") == 0, "they have not failed"
        with capture_logs() as logs:
            assert await desk.drop(ParkedFilter(lane=LANE, state="dead"), who="ana@example.org") == 1
        assert [(line["event"], line["who"]) for line in logs if "who" in line] == [
            ("parked events dropped", "ana@example.org")
        ]

        async def gone_on() -> bool:
            return await effects(database) == [("bell", 1), ("bell", 2)]

        await until(gone_on)
    assert await desk.look(ParkedFilter(lane=LANE)) == []


@pytest.mark.usefixtures("parked")
async def test_dropping_by_filter_in_chunks(desk: ParkedDesk) -> None:
    """All that fit go, in several transactions, and nothing else."""
    assert await desk.drop(ParkedFilter(lane=LANE, error="the bell"), who="x") == 5
    assert await keys(desk) == ["late"]
    assert ParkedFilter(lane=LANE).wide
    assert not ParkedFilter(lane=LANE, key="a").wide


async def test_a_paused_lane_waits_and_goes_on(
    database: Database, log: EventLog, ring: Consumer, handler: Handler
) -> None:
    """No worker begins anything in it until it is resumed; then it goes on where it stopped."""
    assert handler.broken == set()
    async with working(database, ring):
        await emit(database, log, "before")

        async def rung(number: int) -> bool:
            return len(await effects(database)) == number

        await until(lambda: rung(1))
        with capture_logs() as logs:
            await pause(database, ring, who="ana@example.org")
            await pause(database, ring, who="ben@example.org")
        assert [line["who"] for line in logs if line["event"] == "lane paused"] == [
            "ana@example.org",
            "ben@example.org",
        ]
        since = (await overview(database, [ring])).lanes[0].paused_at
        assert since is not None

        async def heard() -> bool:
            await emit(database, log, "meanwhile")
            return (await overview(database, [ring])).lanes[0].backlog >= 3

        await until(heard)
        waiting = (await overview(database, [ring])).lanes[0]
        assert waiting.backlog > 0
        await resume(database, ring, who="ana@example.org")
        await until(lambda: nothing_left(database, ring))
        assert (await overview(database, [ring])).lanes[0].paused_at is None


async def nothing_left(database: Database, lane: Consumer) -> bool:
    """Whether the lane has read all."""
    return (await overview(database, [lane])).lanes[0].backlog == 0


async def test_cutting_a_lane_anew(database: Database, log: EventLog, ring: Consumer, handler: Handler) -> None:
    """A lane cut into one shard is served by one of two workers; a number that does not divide is refused."""
    assert handler.broken == set()
    with pytest.raises(Refused, match="1, 2, 4, 8, 16"):
        await set_shards(database, ring, 3, who="x")
    async with working(database, ring), working(database, ring):
        await set_shards(database, ring, 1, who="ana@example.org")

        async def one_has_all() -> bool:
            seen = (await overview(database, [ring])).lanes[0]
            return seen.shards == 1 and sorted(len(worker.shards) for worker in seen.workers) == [0, 16]

        await until(one_has_all)
        await emit(database, log, "a", "b", "c")
        await until(lambda: nothing_left(database, ring))
    assert len(await effects(database)) == 3

"""After a hundred thousand orders, seeing the lanes, what is parked and one event costs what it always did."""

from typing import Any

import msgspec
import pytest

from comanda.contracts.ordering import OrderPaid, OrderPlaced
from comanda.engine.database import Transaction
from comanda.engine.events.log import SHARDS
from comanda.engine.lanes import Consumer, consumer
from comanda.engine.lanes.lane import LaneCounts
from comanda.engine.lanes.minutes import FOLD, KEEP_HOURS, MinuteKeeper
from comanda.engine.lanes.parked_desk import DROP, REDRIVE, ParkedDesk, ParkedFilter
from comanda.engine.monitoring import overview, unread
from comanda.engine.monitoring.recent import recent
from comanda.engine.monitoring.way import way_of
from tests.fakes.explained import ExplainedDatabase
from tests.integration.queries.test_hot_queries import check, rolled_back

pytestmark = pytest.mark.slow  # The first of these tests fills the database.


@consumer("receipts.mail", [OrderPaid])
async def mail(_tx: Transaction, _event: OrderPaid) -> None:
    """Do nothing."""


@consumer("kitchen.tickets", [OrderPlaced])
async def cook(_tx: Transaction, _event: OrderPlaced) -> None:
    """Have no cursors yet."""


LANES: list[Consumer] = [mail, cook]


async def test_seeing_all_lanes(watched: ExplainedDatabase) -> None:
    """Backlogs, arrivals, parked events, minutes, workers, timers and the horizon."""
    seen = await overview(watched, LANES)
    assert seen.lanes[1].backlog == pytest.approx(66_666, rel=0.1)
    assert seen.lanes[0].dead > 0
    assert len(seen.lanes[0].minutes) == 60
    assert seen.timers.pending == 10_000
    check(watched, at_least=9)


async def test_a_backlog_is_looked_at_up_to_a_limit(watched: ExplainedDatabase) -> None:
    """However long the log is: so many events of each shard and lane are read, and the first of each partition."""
    parts = await watched.fetch_value(f"EXPLAIN (ANALYZE, FORMAT JSON) {unread.UNREAD}", unread.wanted(LANES), SHARDS)
    read = sum(rows_of_events(msgspec.json.decode(parts)))
    assert unread.SCANNED * SHARDS < read < 1.01 * unread.SCANNED * SHARDS * len(LANES)


def rows_of_events(plan: Any) -> list[float]:
    """Return how many rows each scan of the log has brought."""
    if isinstance(plan, list):
        return [rows for part in plan for rows in rows_of_events(part)]
    if not isinstance(plan, dict):
        return []
    own = str(plan.get("Relation Name", "")).startswith("events")
    rows = [plan["Actual Rows"] * plan["Actual Loops"]] if own else []
    return rows + [more for part in plan.values() for more in rows_of_events(part)]


async def test_one_event_and_the_log(watched: ExplainedDatabase) -> None:
    """The newest events, those of a key, and one event's way."""
    newest = (await recent(watched)).events
    assert newest
    await recent(watched, key=newest[0].key)
    await recent(watched, name=OrderPaid.name)
    assert await way_of(watched, newest[0].id, LANES) is not None
    assert await way_of(watched, 10**12, LANES) is None
    check(watched, at_least=6)


async def test_the_desk(watched: ExplainedDatabase) -> None:
    """Looking, redriving and dropping by filter, and by id."""
    desk = ParkedDesk(watched)
    assert await desk.look(ParkedFilter(lane="receipts.mail", state="dead"))
    assert await desk.look(ParkedFilter(lane="receipts.mail", error="FAILED", older_than_s=0))
    assert await desk.look(ParkedFilter(lane="receipts.mail", ids=(7, 47)))
    chosen = ParkedFilter(lane="receipts.mail", key="47").arguments(0)
    async with rolled_back(watched) as tx:
        assert len(await tx.fetch(REDRIVE, *chosen, 500, 30.0)) == 1
        assert len(await tx.fetch(DROP, *chosen, 500)) == 1
    check(watched, at_least=5)


async def test_the_figures(watched: ExplainedDatabase) -> None:
    """Adding to a minute and folding old ones."""

    class Counted:
        name = "receipts.mail"
        counts = LaneCounts(handled=3)

    await MinuteKeeper(watched, [Counted()]).write()  # type: ignore[list-item]  # all that it looks at
    async with rolled_back(watched) as tx:
        await tx.execute(FOLD, ["receipts.mail"], KEEP_HOURS)
    check(watched, at_least=2)

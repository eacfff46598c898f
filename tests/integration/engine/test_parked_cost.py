"""What waits for a later try costs nothing until then."""

import json

import pytest

from comanda.engine.database import Database
from comanda.engine.lanes import parking

WAITING = 50_000

FILL = """
INSERT INTO engine.parked
    (consumer, event_id, shard, position, at, version, name, key, payload, attempts, error, next_at)
SELECT 'test.lane', n, n % 16, '1', now(), 1, 'test.Rung', n::text, '{}', 1, '', now() + interval '1 hour'
FROM generate_series(1, $1::int) n
"""

SHARDS = list(range(16))


async def pages(database: Database, statement: str, *arguments: object) -> int:
    """Run a statement and return how many pages it touched."""
    explained = await database.fetch_value("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, *arguments)
    plan = json.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize(("clock", "cheap"), [("statement_timestamp()", True), ("clock_timestamp()", False)])
async def test_looking_for_what_is_due_does_not_read_what_is_not(database: Database, clock: str, cheap: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """With fifty thousand waiting; and a clock that runs while the statement runs would read them all."""
    await database.fetch(FILL, WAITING)
    await database.fetch("VACUUM (ANALYZE) engine.parked")
    due = parking.DUE.replace("p.next_at <= statement_timestamp()", f"p.next_at <= {clock}")
    touched = await pages(database, due, "test.lane", SHARDS, True, 100)
    assert (touched < 100) == cheap
    assert await pages(database, parking.NEXT_DUE, "test.lane", SHARDS) < 200

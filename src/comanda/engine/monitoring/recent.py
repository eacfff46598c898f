"""The newest events of the log, also those of one key or one name.

The log has no index by key or by name, so a search goes back through at most `LOOKED` events at a time and says how
far it came; whoever wants to know more goes on from there.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.errors import Refused
from comanda.engine.events.log import shard_of

LOOKED = 20_000
"""Events that one search looks at, at most."""

SHOWN = 50
"""Events that one search returns, at most."""

FOUND = f"""
SELECT edge.*, e.* FROM (
    SELECT count(*) AS looked, min(at) AS end_at, min(id) AS end_id, min(position::text::bigint) AS end_position
    FROM looked
) edge LEFT JOIN LATERAL (
    SELECT id, at, position::text::bigint AS position, shard, version, name, key, trace FROM looked
    WHERE ($1::text IS NULL OR name = $1) AND ($2::text IS NULL OR key = $2)
    ORDER BY looked.place LIMIT {SHOWN}
) e ON true
"""

NEWEST = f"""
WITH looked AS (
    SELECT row_number() OVER () AS place, e.* FROM (
        SELECT id, at, position, shard, version, name, key, trace FROM engine.events
        WHERE id < $3 ORDER BY id DESC LIMIT {LOOKED}
    ) e
)
{FOUND}
"""

NEWEST_OF_SHARD = f"""
WITH looked AS (
    SELECT row_number() OVER () AS place, e.* FROM (
        SELECT id, at, position, shard, version, name, key, trace FROM engine.events
        WHERE shard = $3 AND (position, id) < ($4::xid8, $5::bigint) ORDER BY position DESC, id DESC LIMIT {LOOKED}
    ) e
)
{FOUND}
"""

LAST = 2**63 - 1


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the log, without its payload."""

    id: int
    at: datetime
    position: int
    shard: int
    version: int
    name: str
    key: str
    trace: str | None


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found, newest first.

    Attributes:
        looked: how many events it looked at.
        end_at: when the oldest of those was emitted; None where there was none.
        before: goes on from there as the next search's `before`; empty where the log ends.
    """

    events: Sequence[EventLine]
    looked: int
    end_at: datetime | None
    before: str


async def recent(database: Database, *, key: str | None = None, name: str | None = None, before: str = "") -> Search:
    """Return the newest events, of one key or name where that is said, that came before `before`.

    Raises `Refused` for a `before` that no search has given.
    """
    position, last_id = _place(before)
    if key is None:
        rows = await database.fetch(NEWEST, name, key, last_id)
    else:
        rows = await database.fetch(NEWEST_OF_SHARD, name, key, shard_of(key), position, last_id)
    edge = rows[0]
    events = [
        EventLine(**{field: row[field] for field in EventLine.__struct_fields__})
        for row in rows
        if row["id"] is not None
    ]
    if len(events) == SHOWN:
        goes_on = f"{events[-1].position}.{events[-1].id}"
    elif edge["looked"] == LOOKED:
        goes_on = f"{edge['end_position']}.{edge['end_id']}"
    else:
        goes_on = ""
    return Search(events=events, looked=edge["looked"], end_at=edge["end_at"], before=goes_on)


def _place(before: str) -> tuple[int, int]:
    if not before:
        return LAST, LAST
    position, _, last_id = before.partition(".")
    if not (position.isascii() and position.isdigit() and last_id.isascii() and last_id.isdigit()) or len(before) > 36:  # noqa: PLR2004 - two numbers of 64 bits
        raise Refused("There is no such place in the log.", kind="invalid", code="place-invalid")
    return min(int(position), LAST), min(int(last_id), LAST)

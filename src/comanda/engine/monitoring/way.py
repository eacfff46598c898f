"""One event's way through all its consumers: who has handled it, who has it still before him, where it is stuck."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from comanda.engine.database.database import Database
from comanda.engine.lanes.consumer import Consumer

EVENT = """
SELECT id, at, position::text::bigint AS position, shard, version, name, key, payload, trace
FROM engine.events WHERE id = $1
"""

PARKED_COPY = """
SELECT event_id AS id, at, position::text::bigint AS position, shard, version, name, key, payload, trace
FROM engine.parked WHERE consumer = ANY ($2::text[]) AND event_id = $1 LIMIT 1
"""

STATIONS = """
SELECT lane, c.position::text::bigint AS position, (c.position, c.id) >= ($3::bigint::text::xid8, $2::bigint) AS passed,
    p.state, p.attempts, p.error, p.parked_at, p.next_at
FROM unnest($1::text[]) WITH ORDINALITY AS w (lane, place)
LEFT JOIN engine.cursors c ON c.consumer = w.lane AND c.shard = $4
LEFT JOIN engine.parked p ON p.consumer = w.lane AND p.event_id = $2
ORDER BY w.place
"""

StationState = Literal["handled", "unread", "waiting", "dead", "not begun"]


class LoggedFact(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the log; `logged` is false where the log's day is gone and a parked copy was found."""

    id: int
    at: datetime
    position: int
    shard: int
    version: int
    name: str
    key: str
    payload: str
    trace: str | None
    logged: bool = True


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """How an event stands with one of its consumers.

    Attributes:
        state: `handled` (the cursor is past it, or someone has dropped it), `unread` (the cursor stands before it),
            `waiting` (parked for another try), `dead` (a dead letter), `not begun` (the lane has no cursor yet).
        position: of the lane's cursor in the event's shard.
        attempts, error, parked_at, next_at: where it is parked.
    """

    lane: str
    state: StationState
    position: int | None
    attempts: int | None
    error: str | None
    parked_at: datetime | None
    next_at: datetime | None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """An event and how it stands with each consumer that wants it."""

    event: LoggedFact
    stations: Sequence[Station]


async def way_of(database: Database, event_id: int, consumers: Sequence[Consumer]) -> Way | None:
    """Return an event's way through those of `consumers` that want it; None where there is no such event."""
    names = [consumer.name for consumer in consumers]
    row = await database.fetch_row(EVENT, event_id)
    logged = row is not None
    row = row or await database.fetch_row(PARKED_COPY, event_id, names)
    if row is None:
        return None
    event = LoggedFact(**row, logged=logged)
    wanting = [each.name for each in consumers if each.names is None or event.name in each.names]
    rows = await database.fetch(STATIONS, wanting, event.id, event.position, event.shard)
    return Way(
        event=event,
        stations=[
            Station(
                lane=row["lane"],
                state=_state(row["state"], row["passed"]),
                position=row["position"],
                attempts=row["attempts"],
                error=row["error"],
                parked_at=row["parked_at"],
                next_at=row["next_at"],
            )
            for row in rows
        ],
    )


def _state(parked: Literal["waiting", "dead"] | None, passed: bool | None) -> StationState:  # noqa: FBT001 - a column, NULL where there is no cursor
    if parked is not None:
        return parked
    if passed is None:
        return "not begun"
    return "handled" if passed else "unread"

"""The event log: facts, written in the transaction that made them true.

The log is cut into `SHARDS` by a hash of the key. An event's position is taken by the database as its row is
inserted (see `engine/tables.py` and DESIGN, idea 2); readers go only below the horizon, the oldest transaction
that is still writing. `emit` must therefore be a statement of its own, after the lock of the entity that the event
speaks of is held, and the transaction around it must be short.
"""

import zlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from comanda.engine.database.transaction import Transaction
from comanda.engine.events.event import Event
from comanda.engine.events.waker import Waker
from comanda.engine.tracing.context import trace_of

SHARDS = 16
"""Shards of the log. Written into every row; the number of shards a lane uses can only divide it."""

INSERT = """
INSERT INTO engine.events (shard, name, version, key, payload, trace)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::smallint[], $4::text[], $5::text[]::json[], $6::text[])
"""

LATER = """
INSERT INTO engine.timers (due_at, shard, name, version, key, payload, trace)
SELECT $7, * FROM unnest($1::smallint[], $2::text[], $3::smallint[], $4::text[], $5::text[]::json[], $6::text[])
"""

_encoder = msgspec.json.Encoder()


def shard_of(key: str) -> int:
    """Return the shard of a key: CRC-32 of its UTF-8, modulo `SHARDS`."""
    return zlib.crc32(key.encode()) % SHARDS


MAX_PAYLOAD_BYTES = 200_000
"""Of one event, so that every carrier can take it: SNS and SQS take 256 KiB with all that goes around it."""


class EventLog:
    """Where facts are written.

    Args:
        wake: called after a commit that wrote events; tells sleeping workers that there is something to read.
    """

    def __init__(self, wake: Waker) -> None:
        self._wake = wake

    async def emit(self, tx: Transaction, *events: Event, at: datetime | None = None) -> None:
        """Write `events`, in this order, into the transaction `tx`. They take effect if and when it commits.

        They take along the trace of the work at hand (see `engine.tracing`).

        With `at` they are logged then, by the database's clock: not before, and within a second after. A time that has
        passed is due at once. What is due at the same time is logged in the order in which it was emitted.
        """
        await self.emit_all(tx, events, at=at)

    async def emit_all(self, tx: Transaction, events: Iterable[Event], *, at: datetime | None = None) -> None:
        """Write many events with one statement.

        Raises `ValueError` where `at` has no time zone, and for an event larger than `MAX_PAYLOAD_BYTES`.
        """
        if at is not None and at.tzinfo is None:
            raise ValueError("The time of a timer has a time zone.")
        shards, names, versions, keys, payloads, traces = [], [], [], [], [], []
        for event in events:
            key = event.key
            shards.append(shard_of(key))
            names.append(event.name)
            versions.append(event.version)
            keys.append(key)
            payload = _encoder.encode(event)
            if len(payload) > MAX_PAYLOAD_BYTES:
                raise ValueError(
                    f"{event.name} has {len(payload):,} bytes, and an event has {MAX_PAYLOAD_BYTES:,} at most: let it "
                    "name what it speaks of, and keep the document in a table or a file."
                )
            payloads.append(payload.decode())
            traces.append(trace_of(key))
        if not names:
            return
        if at is None:
            await tx.execute(INSERT, shards, names, versions, keys, payloads, traces)
            tx.after_commit(self._wake.signal)
        else:
            await tx.execute(LATER, shards, names, versions, keys, payloads, traces, at)
            tx.after_commit(self._wake.signal_timers)

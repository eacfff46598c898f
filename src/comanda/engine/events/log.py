"""The event log: facts, written in the transaction that made them true.

The log is cut into `SHARDS` by a hash of the key. An event's position is taken by the database as its row is
inserted (see `engine/tables.py` and DESIGN, idea 2); readers go only below the horizon, the oldest transaction
that is still writing. `emit` must therefore be a statement of its own, after the lock of the entity that the event
speaks of is held, and the transaction around it must be short.
"""

import zlib
from collections.abc import Iterable

import msgspec

from comanda.engine.database.transaction import Transaction
from comanda.engine.events.event import Event
from comanda.engine.events.waker import Waker

SHARDS = 16
"""Shards of the log. Written into every row; the number of shards a lane uses can only divide it."""

INSERT = """
INSERT INTO engine.events (shard, name, version, key, payload)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::smallint[], $4::text[], $5::text[]::json[])
"""

_encoder = msgspec.json.Encoder()


def shard_of(key: str) -> int:
    """Return the shard of a key: CRC-32 of its UTF-8, modulo `SHARDS`."""
    return zlib.crc32(key.encode()) % SHARDS


class EventLog:
    """Where facts are written.

    Args:
        wake: called after a commit that wrote events; tells sleeping workers that there is something to read.
    """

    def __init__(self, wake: Waker) -> None:
        self._wake = wake

    async def emit(self, tx: Transaction, *events: Event) -> None:
        """Write `events`, in this order, into the transaction `tx`. They take effect if and when it commits."""
        await self.emit_all(tx, events)

    async def emit_all(self, tx: Transaction, events: Iterable[Event]) -> None:
        """Write many events with one statement."""
        shards, names, versions, keys, payloads = [], [], [], [], []
        for event in events:
            key = event.key
            shards.append(shard_of(key))
            names.append(event.name)
            versions.append(event.version)
            keys.append(key)
            payloads.append(_encoder.encode(event).decode())
        if not names:
            return
        await tx.execute(INSERT, shards, names, versions, keys, payloads)
        tx.after_commit(self._wake.signal)

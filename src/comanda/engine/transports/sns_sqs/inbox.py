"""The inbox: which events a consumer has handled, for a carrier that has no positions to keep a cursor of.

A row is written in the transaction of the effect, so that an event that comes again is seen to have had it. Before a
call to the outside, when no transaction can stay open, the row is there already as a claim that ends: a standard queue
may give one message to two workers at the same time, and only one of them is to call. The claim's row becomes that of
the effect.
"""

from collections.abc import Sequence

from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Fenced
from comanda.engine.lanes.source import LoggedEvent

SEEN = """
SELECT e.id FROM unnest($2::bigint[], $3::smallint[], $4::xid8[]) AS e (id, shard, position)
LEFT JOIN engine.inbox i ON i.consumer = $1 AND i.event_id = e.id AND i.claimed_until IS NULL
LEFT JOIN engine.cursors c ON c.consumer = $1 AND c.shard = e.shard
WHERE i.event_id IS NOT NULL OR (e.position, e.id) <= (c.position, c.id)
"""
"""What the cursor has passed was handled too: by another carrier, or so long ago that the inbox has forgotten it."""

CLAIM = """
INSERT INTO engine.inbox (consumer, event_id, claimed_by, claimed_until)
SELECT $1, event_id, $3, clock_timestamp() + make_interval(secs => $4)
FROM unnest($2::bigint[]) AS event_id ORDER BY event_id
ON CONFLICT (consumer, event_id) DO UPDATE
SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
WHERE inbox.claimed_until < clock_timestamp() OR inbox.claimed_by = excluded.claimed_by
RETURNING event_id
"""
"""By event, as all who write here do: two workers with the same events never wait for each other in a circle."""

WRITE = """
INSERT INTO engine.inbox (consumer, event_id)
SELECT $1, event_id FROM unnest($2::bigint[]) AS event_id ORDER BY event_id
ON CONFLICT (consumer, event_id) DO UPDATE SET claimed_by = NULL, claimed_until = NULL, at = now()
WHERE inbox.claimed_by = $3
"""


class Inbox:
    """The inbox of one consumer, as one source uses it.

    Args:
        holder: names this source in its claims; no other bears the same.
    """

    def __init__(self, consumer: str, holder: str) -> None:
        self._consumer = consumer
        self._holder = holder
        self._seen: set[int] = set()

    def forget(self, events: Sequence[LoggedEvent]) -> None:
        """Forget what was found about events that are in hand no more."""
        self._seen.difference_update(event.id for event in events)

    async def unseen(self, tx: Transaction, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Return those of `events` that are neither in the inbox nor behind the cursor."""
        rows = await tx.fetch(
            SEEN,
            self._consumer,
            [event.id for event in events],
            [event.shard for event in events],
            [event.position for event in events],
        )
        # A committed row stays: what is found here holds for later transactions too, should this one roll back.
        self._seen.update(row["id"] for row in rows)
        return [event for event in events if event.id not in self._seen]

    async def claim(self, tx: Transaction, events: Sequence[LoggedEvent], seconds: float) -> list[LoggedEvent]:
        """Claim those of `events` that are unseen, for `seconds`; return those that another has claimed."""
        ids = [event.id for event in events if event.id not in self._seen]
        rows = await tx.fetch(CLAIM, self._consumer, ids, self._holder, seconds)
        ours = {row["event_id"] for row in rows}
        unseen = await self.unseen(tx, events)
        return [event for event in unseen if event.id not in ours]

    async def write(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        """Write that `events` were handled; raise `Fenced` when another has handled or claimed one meanwhile."""
        ids = [event.id for event in events if event.id not in self._seen]
        # The message is deleted after this commit; whoever opened the transaction, the commit waits for the disk.
        await tx.execute("SET LOCAL synchronous_commit = on")
        if ids and await tx.execute(WRITE, self._consumer, ids, self._holder) != len(ids):
            raise Fenced(f"{self._consumer}: another worker has handled the same events.")

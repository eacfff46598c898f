"""Who holds the horizon back: the oldest transaction that is still writing, for which all lanes wait.

Readers of the log go only below `HORIZON` (DESIGN, idea 2). It is held by transactions that have written something, in
any database of the server, prepared ones included; not by long reads, and not by what replicates. So it is found by
the lock that each such transaction holds on its own id, which every user may see, and told with what
`pg_stat_activity` says of it, of which PostgreSQL shows a user without `pg_read_all_stats` only the pid.
"""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from comanda.engine.database.database import UNREACHABLE, Database
from comanda.engine.errors import Unavailable
from comanda.engine.events.log import SHARDS
from comanda.engine.service import wait_until_set

log = structlog.get_logger(__name__)

HORIZON = "pg_snapshot_xmin(pg_current_snapshot())"
"""Below it no transaction can still write: what is read once there stays complete. See DESIGN, idea 2."""

LONG_S = 1.0
"""A transaction this old is a culprit: no writing transaction of ours lives longer."""

LOOK_S = 1.0
LOOK_AGAIN_S = 0.1
"""How often a worker looks for a culprit, and how often it looks whether one is gone."""

QUERY_LENGTH = 200
"""Characters of a culprit's query that are told."""

HOLDER = f"""
WITH horizon AS MATERIALIZED (SELECT {HORIZON} AS position), unread AS MATERIALIZED (
    SELECT min(first.at) AS since
    FROM horizon CROSS JOIN generate_series(0, $1::int - 1) AS s (shard)
    CROSS JOIN LATERAL (
        SELECT e.at FROM engine.events e
        WHERE e.shard = s.shard AND e.position >= horizon.position
        ORDER BY e.position, e.id LIMIT 1
    ) first
)
SELECT l.pid, p.gid AS prepared, coalesce(a.application_name, '') AS application, coalesce(a.state, '') AS state,
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared, unread.since))::float AS age_s,
    extract(epoch FROM clock_timestamp() - unread.since)::float AS waiting_s,
    left(coalesce(a.query, ''), $2::int) AS query
FROM horizon JOIN pg_locks l ON l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
AND l.transactionid = horizon.position::xid
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
CROSS JOIN unread
WHERE unread.since < clock_timestamp() - make_interval(secs => $3)
AND coalesce(a.xact_start, p.prepared, unread.since) < clock_timestamp() - make_interval(secs => $3)
LIMIT 1
"""


class HorizonHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction for which all lanes wait.

    Attributes:
        pid: of its connection's server process; None for a prepared transaction, which has none.
        prepared: the name of a prepared transaction, else None.
        application: as its connection calls itself; empty where PostgreSQL does not show it to us.
        state: of its connection, such as `idle in transaction`.
        age_s: since it began, as far as PostgreSQL shows it; else since the first event has waited for it.
        waiting_s: for how long the oldest event has waited for it.
        query: the beginning of what it runs or ran last.
    """

    pid: int | None
    prepared: str | None
    application: str
    state: str
    age_s: float
    waiting_s: float
    query: str

    @property
    def cure(self) -> str:
        """The SQL that ends it."""
        if self.pid is None:
            quoted = (self.prepared or "").replace("'", "''")
            return f"ROLLBACK PREPARED '{quoted}'"
        return f"SELECT pg_terminate_backend({self.pid})"

    def __str__(self) -> str:
        """Say who it is, what waits for it, and how to end it."""
        if self.pid is None:
            who = f"The prepared transaction {self.prepared!r} has been left open"
        else:
            name = f" ({self.application})" if self.application else ""
            who = f"pid {self.pid}{name} has kept a writing transaction open"
        return f"{who} for {self.age_s:.0f} s; all lanes wait for it. End it with {self.cure}"


async def horizon_holder(database: Database) -> HorizonHolder | None:
    """Return the transaction that has kept events from being read for more than a second, or None."""
    row = await database.fetch_row(HOLDER, SHARDS, QUERY_LENGTH, LONG_S)
    return None if row is None else HorizonHolder(**row)


class HorizonWatch:
    """Names the culprit in the log, once each, and wakes the lanes as soon as it is gone.

    Args:
        wake: wakes this worker's lanes.
    """

    def __init__(self, database: Database, *, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake
        self._named: HorizonHolder | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping` is set."""
        while not stopping.is_set():
            try:
                await self.look()
            except (*UNREACHABLE, Unavailable) as error:
                log.warning("horizon could not be looked at", error=str(error))
            await wait_until_set(stopping, LOOK_S if self._named is None else LOOK_AGAIN_S)

    async def look(self) -> None:
        """Look once."""
        holder = await horizon_holder(self._database)
        before, self._named = self._named, holder
        if before is not None and (holder is None or _who(holder) != _who(before)):
            log.info("horizon moves again", pid=before.pid, prepared=before.prepared)
            self._wake()
        if holder is not None and (before is None or _who(holder) != _who(before)):
            log.warning(
                str(holder),
                pid=holder.pid,
                prepared=holder.prepared,
                application=holder.application,
                state=holder.state,
                age_s=round(holder.age_s, 1),
                query=holder.query,
            )


def _who(holder: HorizonHolder) -> tuple[int | None, str | None]:
    return holder.pid, holder.prepared

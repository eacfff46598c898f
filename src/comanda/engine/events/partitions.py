"""The days of the log: one partition each, made ahead, so that old days can be dropped whole."""

from datetime import UTC, date, datetime, timedelta

from comanda.engine.clock import Clock
from comanda.engine.database.transaction import Transaction

DAYS_AHEAD = 7
"""Days for which partitions stand ready. What falls outside lands in the default partition and is moved later."""

LOG = "engine.events"

EXISTING = """
SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass
"""


async def ensure_partitions(tx: Transaction, clock: Clock, *, days_ahead: int = DAYS_AHEAD) -> list[str]:
    """Make the log's partitions for today and the next `days_ahead` days; return the names of those made.

    Run at every migration and by a periodic of the worker. It takes a lock that lets events be written and read, and
    a short exclusive one on the default partition, for which it waits a second at most; the next run tries again.
    """
    existing = {row["name"] for row in await tx.fetch(EXISTING, LOG)}
    today = clock.now().astimezone(UTC).date()
    missing = [
        day for day in (today + timedelta(days=ahead) for ahead in range(days_ahead + 1)) if _name(day) not in existing
    ]
    if missing:
        await tx.execute("SET LOCAL lock_timeout = '1s'")
        await tx.execute(f"LOCK TABLE {LOG} IN SHARE UPDATE EXCLUSIVE MODE")
    return [_name(day) for day in missing if await _make(tx, day)]


async def _make(tx: Transaction, day: date) -> bool:
    name = _name(day)
    if await tx.fetch_value("SELECT to_regclass($1)", name) is not None:
        return False
    since, until = f"'{_midnight(day)}'", f"'{_midnight(day + timedelta(days=1))}'"
    await tx.execute(f"CREATE TABLE {name} (LIKE {LOG} INCLUDING ALL EXCLUDING IDENTITY)")
    await tx.execute(f"LOCK TABLE {LOG}_default IN ACCESS EXCLUSIVE MODE")
    await tx.execute(
        f"WITH moved AS (DELETE FROM {LOG}_default WHERE at >= {since} AND at < {until} RETURNING *) "
        f"INSERT INTO {name} SELECT * FROM moved"
    )
    await tx.execute(f"ALTER TABLE {LOG} ATTACH PARTITION {name} FOR VALUES FROM ({since}) TO ({until})")
    return True


def _name(day: date) -> str:
    return f"{LOG}_p{day:%Y%m%d}"


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()

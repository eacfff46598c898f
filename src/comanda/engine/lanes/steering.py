"""Steering a lane from outside its workers: pause, resume, cut it into more or fewer shards.

What holds for a lane stands in `engine.lanes`; every worker reads it with its leases. A notice makes them read at
once.
"""

import structlog

from comanda.engine.database.database import Database
from comanda.engine.database.transaction import Transaction
from comanda.engine.errors import Refused
from comanda.engine.events.log import SHARDS
from comanda.engine.events.waker import CHANNEL
from comanda.engine.lanes.consumer import Consumer

log = structlog.get_logger(__name__)

DIVISORS = tuple(count for count in range(1, SHARDS + 1) if SHARDS % count == 0)
"""Into how many shards a lane can be cut."""

PAUSE = """
INSERT INTO engine.lanes AS l (name, shards, paused_at) VALUES ($1, $2, now())
ON CONFLICT (name) DO UPDATE SET paused_at = coalesce(l.paused_at, now())
"""

RESUME = "UPDATE engine.lanes SET paused_at = NULL WHERE name = $1"

CUT = """
INSERT INTO engine.lanes (name, shards) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET shards = excluded.shards
"""

NOTICE = "SELECT pg_notify($1, 'leases')"


async def pause(database: Database, lane: Consumer, *, who: str) -> None:
    """Let no worker begin anything new in the lane; what is under way is finished. Its events wait in the log."""

    async def write(tx: Transaction) -> None:
        await tx.execute(PAUSE, lane.name, lane.shards)
        await tx.execute(NOTICE, CHANNEL)

    await database.run(write)
    log.warning("lane paused", lane=lane.name, who=who)


async def resume(database: Database, lane: Consumer, *, who: str) -> None:
    """Let a paused lane go on where it stopped."""

    async def write(tx: Transaction) -> None:
        await tx.execute(RESUME, lane.name)
        await tx.execute(NOTICE, CHANNEL)

    await database.run(write)
    log.warning("lane resumed", lane=lane.name, who=who)


async def set_shards(database: Database, lane: Consumer, shards: int, *, who: str) -> None:
    """Cut the lane into `shards`: so many workers at most are at it at one time. Raises `Refused` for a bad number."""
    if shards not in DIVISORS:
        known = ", ".join(str(count) for count in DIVISORS)
        raise Refused(f"A lane is cut into {known} shards: not {shards}.", kind="invalid", code="shards-invalid")

    async def write(tx: Transaction) -> None:
        await tx.execute(CUT, lane.name, shards)
        await tx.execute(NOTICE, CHANNEL)

    await database.run(write)
    log.warning("lane cut anew", lane=lane.name, shards=shards, who=who)

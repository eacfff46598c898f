"""Waiting for what processes do, which have no event to wait on: a condition is looked at until it holds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from comanda.engine.database import Database
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.backlog import backlogs

LOOK_S = 0.02

UNFINISHED = """
SELECT (SELECT count(*) FROM payments.payments WHERE state IN ('pending', 'sending', 'uncertain'))
     + (SELECT count(*) FROM payments.refunds WHERE state IN ('waiting', 'due', 'sending', 'uncertain'))
     + (SELECT count(*) FROM receipts.receipts WHERE state = 'sending')
     + (SELECT count(*) FROM ordering.orders WHERE status = 'placed')
"""


async def until(holds: Callable[[], Awaitable[bool]], *, what: str, patience_s: float) -> None:
    """Wait until a condition holds; fail, naming `what`, when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while not await holds():
        assert loop.time() < deadline, f"After {patience_s:.0f} s still not: {what}."
        await asyncio.sleep(LOOK_S)


async def drained(database: Database, consumers: Sequence[Consumer], *, patience_s: float = 90.0) -> None:
    """Wait until every event was handled and every payment, refund and receipt has come to its end."""

    async def nothing_left() -> bool:
        if await database.fetch_value(UNFINISHED):
            return False
        return all(backlog.drained for backlog in await backlogs(database, consumers))

    # Twice, for an event may be emitted behind a consumer that was looked at before.
    for _ in range(2):
        await until(nothing_left, what="all is drained", patience_s=patience_s)

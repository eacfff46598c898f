"""Coming to an end: waiting until every event was handled and every payment, refund and receipt is decided."""

from collections.abc import Sequence

from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.lanes import Consumer, backlogs

UNFINISHED = """
SELECT format('payment %s of order %s is %s after %s calls: %s', id, order_id, state, attempts, reason) AS told
FROM payments.payments WHERE state IN ('pending', 'sending', 'uncertain')
UNION ALL
SELECT format('refund %s is %s after %s calls', id, state, attempts)
FROM payments.refunds WHERE state IN ('waiting', 'due', 'sending', 'uncertain')
UNION ALL
SELECT format('receipt of order %s is being sent, for the %s. time', order_id, attempts)
FROM receipts.receipts WHERE state = 'sending'
UNION ALL
SELECT format('order %s is neither paid nor failed', id) FROM ordering.orders WHERE status = 'placed'
"""

PATIENCE_S = 300.0
LOOK_S = 0.25
MOST_TOLD = 20


async def drained(
    database: Database, consumers: Sequence[Consumer], clock: Clock, *, patience_s: float = PATIENCE_S
) -> list[str]:
    """Wait until nothing is left to do; return what is when patience ends, as sentences."""
    deadline = clock.monotonic() + patience_s
    in_a_row = 0
    while True:
        left = await _left(database, consumers)
        in_a_row = 0 if left else in_a_row + 1
        # Twice, for an event may be emitted behind a consumer that was looked at before.
        if in_a_row > 1:
            return []
        if left and clock.monotonic() > deadline:
            return left[:MOST_TOLD]
        await clock.sleep(LOOK_S)


async def _left(database: Database, consumers: Sequence[Consumer]) -> list[str]:
    unfinished = [f"After all faults were over, {row['told']}." for row in await database.fetch(UNFINISHED)]
    if unfinished:
        return unfinished
    return [
        f"After all faults were over, {backlog.lane} has {backlog.events} events unread and {backlog.waiting} parked."
        for backlog in await backlogs(database, consumers)
        if not backlog.drained
    ]

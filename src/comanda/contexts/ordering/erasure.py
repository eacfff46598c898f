"""Taking a guest's name out of their orders, once customers has erased them."""

from uuid import UUID

from comanda.contracts.customers import CustomerErased
from comanda.contracts.ordering import GuestErased
from comanda.engine.database import Transaction
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer, consumer

TOLD_AT_ONCE = 500

ORDERS = """
UPDATE ordering.orders SET
    guest = '{"name": "", "email": "", "phone": ""}', fulfilment = fulfilment || '{"address": null}',
    note = '', attributes = '{}'
WHERE restaurant_id = $1 AND customer_id = $2 RETURNING id
"""

LINES = "UPDATE ordering.order_lines SET note = '' WHERE order_id = ANY($1) AND note <> ''"

ATTEMPTS = "UPDATE ordering.attempts SET caller = '' WHERE order_id = ANY($1)"


def erasure(log: EventLog) -> Consumer:
    """Return the consumer."""

    @consumer("ordering.erasure", on=[CustomerErased], batch=1)
    async def erase_guest(tx: Transaction, event: CustomerErased) -> None:
        order_ids: list[UUID] = [row["id"] for row in await tx.fetch(ORDERS, event.restaurant_id, event.customer_id)]
        await tx.execute(LINES, order_ids)
        await tx.execute(ATTEMPTS, order_ids)
        groups = [order_ids[start : start + TOLD_AT_ONCE] for start in range(0, len(order_ids), TOLD_AT_ONCE)]
        await log.emit_all(tx, [GuestErased(customer_id=event.customer_id, order_ids=tuple(ids)) for ids in groups])

    return erase_guest

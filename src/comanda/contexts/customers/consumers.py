"""How customers react to what becomes of orders."""

from comanda.contexts.customers.service import Customers
from comanda.contracts.ordering import OrderPaid
from comanda.engine.database import Transaction
from comanda.engine.lanes import Consumer, consumer


def consumers(customers: Customers) -> list[Consumer]:
    """Return the consumers."""

    @consumer("customers.history", on=[OrderPaid])
    async def note_order(tx: Transaction, event: OrderPaid) -> None:
        await customers.note_order(tx, event)

    return [note_order]

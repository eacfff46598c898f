"""How the kitchen reacts to what becomes of orders."""

from comanda.contexts.kitchen.service import Kitchen
from comanda.contracts.ordering import OrderEnded, OrderPaid
from comanda.engine.database import Transaction
from comanda.engine.lanes import Consumer, consumer


def consumers(kitchen: Kitchen) -> list[Consumer]:
    """Return the kitchen's consumers."""

    @consumer("kitchen.tickets", on=[OrderPaid, OrderEnded])
    async def keep_the_board(tx: Transaction, event: OrderPaid | OrderEnded) -> None:
        if isinstance(event, OrderPaid):
            await kitchen.open_ticket(tx, event)
        else:
            await kitchen.withdraw_ticket(tx, event)

    return [keep_the_board]

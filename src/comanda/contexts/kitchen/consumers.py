"""How the kitchen reacts to what becomes of orders."""

from comanda.contexts.kitchen.service import Kitchen
from comanda.contracts.ordering import GuestErased, OrderEnded, OrderPaid
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

    @consumer("kitchen.erasure", on=[GuestErased])
    async def erase_guest(tx: Transaction, event: GuestErased) -> None:
        await kitchen.erase_guest(tx, event)

    return [keep_the_board, erase_guest]

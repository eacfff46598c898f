"""How promotions react to an order's life: a redemption that was reserved with the order is confirmed by its payment.

What is cancelled or fails is released by ordering itself, in the transaction that ends the order.
"""

from comanda.contexts.promotions import store
from comanda.contracts.ordering import OrderPaid
from comanda.engine.database import Transaction
from comanda.engine.lanes import Consumer, consumer


def confirmations() -> Consumer:
    """Return the consumer that confirms redemptions."""

    @consumer("promotions.confirm", on=[OrderPaid])
    async def confirm(tx: Transaction, event: OrderPaid) -> None:
        if event.order.quote.coupon is not None:
            await store.confirm(tx, event.order_id)

    return confirm

"""How payments react to facts: an order placed is charged, an order ended or a refund asked for is given back."""

from comanda.contexts.payments.charging import Charging
from comanda.contexts.payments.refunding import Refunding
from comanda.contexts.payments.service import Settlement
from comanda.contracts.ordering import OrderEnded, OrderPlaced, RefundRequested
from comanda.contracts.payments import RefundDue
from comanda.engine.database import Transaction
from comanda.engine.lanes import Consumer, OutsideConsumer, Retries

RETRIES = Retries(limit=20, first_s=0.5, most_s=60.0)
"""More than `Policy.tries`: an answer that stays unknown becomes uncertain, not a dead letter."""


def charges(charging: Charging) -> Consumer:
    """Charge each order that was placed."""
    return OutsideConsumer(
        name="payments.charge",
        on=(OrderPlaced,),
        claim=charging.claim,
        perform=charging.perform,
        conclude=charging.conclude,
        claim_all=charging.claim_all,
        conclude_all=charging.conclude_all,
        retries=RETRIES,
        concurrency=32,
        batch=64,
    )


def refunds_due(settlement: Settlement) -> Consumer:
    """Write down what is to be given back."""

    async def write_down(tx: Transaction, event: OrderEnded | RefundRequested) -> None:
        if isinstance(event, OrderEnded):
            await settlement.order_ended(tx, event.order_id, event.restaurant_id)
        else:
            await settlement.refund_requested(tx, event)

    return Consumer(name="payments.refunds_due", on=(OrderEnded, RefundRequested), handle=write_down, retries=RETRIES)


def refunds(refunding: Refunding) -> Consumer:
    """Send each refund that is due."""
    return OutsideConsumer(
        name="payments.refund",
        on=(RefundDue,),
        claim=refunding.claim,
        perform=refunding.perform,
        conclude=refunding.conclude,
        retries=RETRIES,
    )

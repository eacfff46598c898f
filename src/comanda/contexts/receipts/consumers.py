"""How receipts react to facts: a paid order gets its receipt."""

from comanda.contexts.receipts.service import Receipts
from comanda.contracts.ordering import OrderPaid
from comanda.engine.lanes import OutsideConsumer, Retries

RETRIES = Retries(limit=120, first_s=1.0, most_s=900.0)
"""About a day of trying before the receipt becomes a dead letter that an operator sees: mail servers are down for
hours, and a guest wants the receipt all the same."""


def receipts_sent(receipts: Receipts) -> OutsideConsumer:
    """Send the receipt of each order that was paid."""
    return OutsideConsumer(
        name="receipts.send",
        on=(OrderPaid,),
        claim=receipts.claim,
        perform=receipts.perform,
        conclude=receipts.conclude,
        retries=RETRIES,
        concurrency=16,
        batch=64,
    )

"""How customers react to what becomes of orders, and to what becomes of campaigns."""

from comanda.contexts.customers.service import Customers
from comanda.contexts.customers.signups import Signups
from comanda.contracts.campaigns import Resubscribed, Unsubscribed
from comanda.contracts.customers import SignupAsked
from comanda.contracts.ordering import OrderPaid
from comanda.engine.database import Transaction
from comanda.engine.lanes import Consumer, OutsideConsumer, Retries, consumer

RETRIES = Retries(limit=60, first_s=1.0, most_s=900.0)
"""Half a day of trying: after that nobody waits for a mail to confirm with any more."""


def consumers(customers: Customers, signups: Signups) -> list[Consumer]:
    """Return the consumers."""

    @consumer("customers.history", on=[OrderPaid])
    async def note_order(tx: Transaction, event: OrderPaid) -> None:
        await customers.note_order(tx, event)

    @consumer("customers.consent", on=[Unsubscribed, Resubscribed])
    async def note_consent(tx: Transaction, event: Unsubscribed | Resubscribed) -> None:
        if isinstance(event, Unsubscribed):
            await customers.note_unsubscribed(tx, event)
        else:
            await customers.note_resubscribed(tx, event)

    confirmations = OutsideConsumer(
        name="customers.confirmations",
        on=(SignupAsked,),
        claim=signups.claim,
        perform=signups.perform,
        conclude=signups.conclude,
        retries=RETRIES,
    )
    return [note_order, note_consent, confirmations]

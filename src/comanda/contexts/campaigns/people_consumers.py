"""How the people of campaigns follow what becomes of customers and their orders.

Whatever the order in which the events of one person come, the row in the end is the same: of a customer's rows the
newest version stands, orders count once by their ids, of what an order's refunds come to the most stands, and whoever
was erased stays away.
"""

from collections.abc import Sequence
from itertools import chain
from uuid import UUID

from comanda.contexts.campaigns import people_store as store
from comanda.contexts.campaigns.people import domain_of
from comanda.contexts.campaigns.people_store import CountedOrder, Met
from comanda.contracts.customers import MOST_IN_ONE, CustomerErased, CustomersChanged, CustomerSource
from comanda.contracts.ordering import OrderDocument, OrderPaid
from comanda.contracts.payments import PaymentRefunded
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.lanes import Batch, Consumer, consumer

CHANGES = Batch(size=8, linger_s=0.05)
"""Eight times `MOST_IN_ONE` customers: a transaction of some 300 ms."""

ORDERS = Batch(size=200, linger_s=0.05)


def consumers(source: CustomerSource, clock: Clock) -> list[Consumer]:
    """Return the consumers.

    Args:
        source: reads the customers of whom it is told that they have changed.
        clock: says when somebody was erased.
    """

    @consumer("campaigns.people", on=[CustomersChanged, CustomerErased], batch=CHANGES)
    async def follow_customers(tx: Transaction, events: Sequence[CustomersChanged | CustomerErased]) -> None:
        erased = {event.customer_id: event.restaurant_id for event in events if isinstance(event, CustomerErased)}
        if erased:
            # First, for its lock is the stronger one, and two that want more than they have would lock each other out.
            await store.erase(tx, list(erased.items()), clock.now())
        changed = (event.customer_ids for event in events if isinstance(event, CustomersChanged))
        await _renew(tx, source, list(dict.fromkeys(chain.from_iterable(changed))))

    @consumer("campaigns.people_orders", on=[OrderPaid, PaymentRefunded], batch=ORDERS)
    async def follow_orders(tx: Transaction, events: Sequence[OrderPaid | PaymentRefunded]) -> None:
        paid = [event.order for event in events if isinstance(event, OrderPaid) and domain_of(event.order.guest.email)]
        if paid:
            await store.count_orders(tx, list({order.guest.id: _met(order) for order in paid}.values()), _counted(paid))
        refunds = [(event.order_id, event.refunded_in_all) for event in events if isinstance(event, PaymentRefunded)]
        if refunds:
            await store.count_refunds(tx, refunds)

    return [follow_customers, follow_orders]


async def _renew(tx: Transaction, source: CustomerSource, ids: Sequence[UUID]) -> None:
    """Read customers as they are now, and write those whom a mail could reach."""
    for start in range(0, len(ids), MOST_IN_ONE):
        rows = [row for row in await source.rows(ids[start : start + MOST_IN_ONE]) if domain_of(row.email)]
        if rows:
            await store.renew(tx, rows)


def _met(order: OrderDocument) -> Met:
    guest = order.guest
    return Met(guest.id, order.restaurant_id, guest.email, guest.name, guest.phone)


def _counted(orders: Sequence[OrderDocument]) -> list[CountedOrder]:
    return [
        CountedOrder(order.id, order.guest.id, order.placed_at, order.fulfilment.type, order.quote.total)
        for order in orders
    ]

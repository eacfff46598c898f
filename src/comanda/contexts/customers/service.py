"""What can be asked of customers: write an order into its guest's history, find people."""

from typing import NamedTuple
from uuid import UUID

from comanda.contexts.customers import store
from comanda.contexts.customers.places import fingerprint
from comanda.contracts.ordering import OrderPaid
from comanda.engine.database import Database, Record, Transaction
from comanda.engine.errors import Refused

MOST_LISTED = 100
MOST_SHOWN = 50
MAX_SEARCH_LENGTH = 100


class Found(NamedTuple):
    """Customers that a search has found, and how many there are in all."""

    customers: list[Record]
    in_all: int


class History(NamedTuple):
    """A customer with their latest orders and addresses."""

    customer: Record
    orders: list[Record]
    addresses: list[Record]


class Customers:
    """The customers of all restaurants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note_order(self, tx: Transaction, event: OrderPaid) -> None:
        """Write a paid order into its guest's history, once however often it is told."""
        order = event.order
        customer_id = await store.upsert_customer(tx, order)
        is_new = await store.insert_order(tx, customer_id, order)
        address = order.fulfilment.address
        if is_new and address is not None:
            await store.upsert_address(
                tx, customer_id, address, fingerprint=fingerprint(address), used_at=order.placed_at
            )

    async def find(self, restaurant_id: UUID, search: str) -> Found:
        """Return the restaurant's customers that a search finds; an empty one finds those who ordered last."""
        search = " ".join(search.split())[:MAX_SEARCH_LENGTH]
        if not search.isprintable():
            return Found([], await store.count(self._database, restaurant_id))
        found = await store.customers(self._database, restaurant_id, search, MOST_LISTED)
        return Found(found, await store.count(self._database, restaurant_id))

    async def history(self, restaurant_id: UUID, customer_id: UUID) -> History:
        """Return a customer with their history; raises `Refused` (not found)."""
        customer = await store.customer(self._database, restaurant_id, customer_id)
        if customer is None:
            raise Refused("There is no such customer.", kind="not_found", code="customer-unknown")
        return History(
            customer,
            await store.orders_of(self._database, customer_id, MOST_SHOWN),
            await store.addresses_of(self._database, customer_id, MOST_SHOWN),
        )

"""What can be asked of customers: write an order into its guest's history, find people."""

from typing import NamedTuple
from uuid import UUID, uuid5

from comanda.contexts.customers import store
from comanda.contexts.customers.consents import ConsentNote, consents_of, note_consents
from comanda.contexts.customers.places import fingerprint
from comanda.contracts.campaigns import Resubscribed, Unsubscribed
from comanda.contracts.customers import CustomersChanged
from comanda.contracts.ordering import OrderPaid
from comanda.engine.database import Database, Record, Transaction
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog

MOST_LISTED = 100
MOST_SHOWN = 50
MAX_SEARCH_LENGTH = 100

PREFERENCES = "page behind a mail's link"
REASONS = {
    "unsubscribed": PREFERENCES,
    "bounced": "their address takes no mail",
    "complained": "a complaint to their mail provider",
    "by_hand": "staff",
}
"""How the record of consent puts why somebody gets no campaigns any more."""


def change_of(event: Unsubscribed | Resubscribed) -> UUID:
    """Return the id of the change that an event makes: the same each time it is told."""
    return uuid5(event.customer_id, f"{event.name} {event.at.isoformat()}")


class Found(NamedTuple):
    """Customers that a search has found, and how many there are in all."""

    customers: list[Record]
    in_all: int


class History(NamedTuple):
    """A customer with their latest orders, addresses, and the record of their consent."""

    customer: Record
    orders: list[Record]
    addresses: list[Record]
    consents: list[Record]


class Customers:
    """The customers of all restaurants."""

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._log = log

    async def note_order(self, tx: Transaction, event: OrderPaid) -> None:
        """Write a paid order into its guest's history, once however often it is told."""
        order = event.order
        customer_id, changed = await store.upsert_customer(tx, order)
        is_new = await store.insert_order(tx, customer_id, order)
        if changed:
            await self._tell(tx, order.id, order.restaurant_id, customer_id)
        address = order.fulfilment.address
        if is_new and address is not None:
            await store.upsert_address(
                tx, customer_id, address, fingerprint=fingerprint(address), used_at=order.placed_at
            )

    async def note_unsubscribed(self, tx: Transaction, event: Unsubscribed) -> None:
        """Write that a customer wants no more campaigns, and why."""
        restaurant_id = await store.withdraw_consent(tx, event.customer_id, event.at)
        if restaurant_id is not None:
            source = REASONS[event.why]
            detail = "" if event.campaign is None else f"campaign {event.campaign}"
            row = ConsentNote(event.customer_id, restaurant_id, event.at, "withdrawn", source, detail)
            await note_consents(tx, [row])
            await self._tell(tx, change_of(event), restaurant_id, event.customer_id)

    async def note_resubscribed(self, tx: Transaction, event: Resubscribed) -> None:
        """Write that a customer wants campaigns after all."""
        restaurant_id = await store.give_consent(tx, event.customer_id, event.at, PREFERENCES)
        if restaurant_id is not None:
            detail = "" if event.campaign is None else f"campaign {event.campaign}"
            await note_consents(
                tx, [ConsentNote(event.customer_id, restaurant_id, event.at, "given", PREFERENCES, detail)]
            )
            await self._tell(tx, change_of(event), restaurant_id, event.customer_id)

    async def _tell(self, tx: Transaction, change_id: UUID, restaurant_id: UUID, customer_id: UUID) -> None:
        change = CustomersChanged(change_id=change_id, restaurant_id=restaurant_id, customer_ids=(customer_id,))
        await self._log.emit(tx, change)

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
            await consents_of(self._database, customer_id),
        )

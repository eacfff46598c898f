"""Erasing one person, and giving out all that is kept of one.

Erasing takes the customer's rows away in one transaction with `CustomerErased`; every other context that keeps
something of a person takes it away when it hears of that. What stays are amounts, and an id that names nobody.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from comanda.contexts.customers import erasure_store as store
from comanda.contexts.customers.consents import consents_of
from comanda.contracts.customers import CustomerErased
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Refused
from comanda.engine.events import EventLog

log = structlog.get_logger(__name__)

STILL_COOKING = timedelta(hours=24)
"""How old a customer's latest order must be: before that, somebody may still be on the way to them."""


class PersonalData:
    """What is kept of a person: all of it, to be given out or taken away."""

    def __init__(self, database: Database, log: EventLog, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._clock = clock

    async def find(self, restaurant_id: UUID, email: str) -> UUID:
        """Return the id of the customer with this normalised address; raises `Refused` (not found)."""
        customer_id = await store.by_email(self._database, restaurant_id, email)
        if customer_id is None:
            raise _unknown()
        return customer_id

    async def export(self, restaurant_id: UUID, customer_id: UUID) -> dict[str, Any]:
        """Return what is kept of a customer, as plain values for JSON; raises `Refused` (not found)."""
        customer = await store.customer(self._database, restaurant_id, customer_id)
        if customer is None:
            raise _unknown()
        return {
            "customer": dict(customer),
            "addresses": [dict(row) for row in await store.addresses(self._database, customer_id)],
            "orders": [dict(row) for row in await store.orders(self._database, customer_id)],
            "consents": [dict(row) for row in await consents_of(self._database, customer_id)],
        }

    async def erase(self, restaurant_id: UUID, customer_id: UUID, *, who: str) -> None:
        """Take a customer away, here and everywhere else.

        Raises:
            Refused: there is no such customer, or their latest order is less than a day old.
        """

        async def write(tx: Transaction) -> None:
            row = await store.locked(tx, restaurant_id, customer_id)
            if row is None:
                raise _unknown()
            last = row["last_order_at"]
            if last is not None and last > self._clock.now() - STILL_COOKING:
                raise Refused(
                    "The latest order of this customer is less than a day old and may still be under way. "
                    "Erase them afterwards.",
                    kind="conflict",
                    code="customer-has-fresh-order",
                )
            await store.erase(tx, customer_id, restaurant_id=restaurant_id, email=row["email"])
            await self._log.emit(tx, CustomerErased(customer_id=customer_id, restaurant_id=restaurant_id))

        await self._database.run(write)
        log.info("customer erased", customer=str(customer_id), who=who)


def _unknown() -> Refused:
    return Refused("There is no such customer.", kind="not_found", code="customer-unknown")

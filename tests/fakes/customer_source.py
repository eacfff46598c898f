"""Customers as another context would show them, out of memory."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from comanda.contracts.customers import CustomerRow
from tests.fakes.orders import RESTAURANT


def customer_row(customer_id: UUID, version: int = 1, **fields: Any) -> CustomerRow:
    """Return a customer with an address that follows from the id, and whatever else is given."""
    row: dict[str, Any] = {
        "restaurant_id": RESTAURANT,
        "email": f"guest{customer_id.int}@Example.org",
        "name": "",
        "phone": "",
        "timezone": "",
        "consent_at": None,
        "consent_source": None,
        "unsubscribed_at": None,
        "attributes": {},
    }
    return CustomerRow(id=customer_id, version=version, **{**row, **fields})


class CustomersInMemory:
    """A `CustomerSource`.

    Attributes:
        known: the customers as they are now; a test changes them.
    """

    def __init__(self, rows: Sequence[CustomerRow] = ()) -> None:
        self.known = {row.id: row for row in rows}

    async def rows(self, customer_ids: Sequence[UUID]) -> list[CustomerRow]:
        """Return those that are known."""
        return [self.known[customer_id] for customer_id in customer_ids if customer_id in self.known]

"""Customers, as those read them who keep a copy: the port `contracts.customers.CustomerSource`."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from comanda.contracts.customers import CustomerRow
from comanda.engine.database import Database

ROWS = """
SELECT id, restaurant_id, email, name, phone, timezone, marketing_consent_at AS consent_at,
    marketing_consent_source AS consent_source, unsubscribed_at, attributes::text AS attributes, version
FROM customers.customers WHERE id = ANY($1)
"""


class StoredCustomers:
    """Reads customers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, customer_ids: Sequence[UUID]) -> list[CustomerRow]:
        """Return those of the customers that there are, as they are now."""
        found = await self._database.fetch(ROWS, list(customer_ids))
        return [CustomerRow(**{**row, "attributes": msgspec.json.decode(row["attributes"])}) for row in found]

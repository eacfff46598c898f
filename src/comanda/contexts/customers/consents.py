"""The record of consent: what was asked, given and withdrawn, when and by what. Rows are only ever added."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from comanda.engine.database import Database, Record, Transaction

INSERT = """
INSERT INTO customers.consents (customer_id, restaurant_id, at, what, source, detail)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
"""

OF_CUSTOMER = "SELECT at, what, source, detail FROM customers.consents WHERE customer_id = $1 ORDER BY at, id"


class ConsentRow(NamedTuple):
    """One thing that was asked, given or withdrawn; the fields are the row's, see `consent_model.Consent`."""

    customer_id: UUID
    restaurant_id: UUID
    at: datetime
    what: Literal["asked", "given", "withdrawn"]
    source: str
    detail: str = ""


async def note_consents(tx: Transaction, rows: Sequence[ConsentRow]) -> None:
    """Add to the record, with one statement however many they are."""
    if rows:
        await tx.execute(INSERT, *(list(column) for column in zip(*rows, strict=True)))


async def consents_of(database: Database, customer_id: UUID) -> list[Record]:
    """Return a customer's record, the oldest first."""
    return list(await database.fetch(OF_CUSTOMER, customer_id))

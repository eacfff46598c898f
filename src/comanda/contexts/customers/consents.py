"""What customers have said about campaigns: asked, given, withdrawn. Notes are added and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from comanda.engine.database import Database, Record, Transaction

What = Literal["asked", "given", "withdrawn"]

INSERT = """
INSERT INTO customers.consents (customer_id, restaurant_id, at, what, source, detail)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
"""


OF_CUSTOMER = "SELECT at, what, source, detail FROM customers.consents WHERE customer_id = $1 ORDER BY at, id"


class ConsentNote(NamedTuple):
    """One thing that was said.

    Attributes:
        at: when it was said, as far as we know.
        source: where: the name of a form, a list, a page.
        detail: what else may serve as proof.
    """

    customer_id: UUID
    restaurant_id: UUID
    at: datetime
    what: What
    source: str
    detail: str = ""


async def note_consents(tx: Transaction, notes: Sequence[ConsentNote]) -> None:
    """Write down what was said, in this order, with one statement."""
    if notes:
        await tx.execute(INSERT, *zip(*notes, strict=True))


async def consents_of(database: Database, customer_id: UUID) -> list[Record]:
    """Return what a customer has said, the oldest first."""
    return list(await database.fetch(OF_CUSTOMER, customer_id))

"""The SQL of sign-ups."""

from datetime import datetime
from uuid import UUID

import msgspec

from comanda.engine.database import Database, Record, Transaction

ASK = """
INSERT INTO customers.signups (id, restaurant_id, email, name, source, hour, asked_at, asked_from)
SELECT $1, $2, $3, $4, $5, $6, $7, $8
WHERE (SELECT count(*) FROM customers.signups WHERE restaurant_id = $2 AND email = $3 AND hour > $6 - 24) < $9
ON CONFLICT (restaurant_id, email, hour) DO NOTHING
"""

CLAIM = """
UPDATE customers.signups SET
    claimed_in = CASE WHEN $2 = ANY (claimed_in) THEN claimed_in ELSE claimed_in || $2 END
WHERE id = $1 AND state = 'asked'
RETURNING id, restaurant_id, email, name, claimed_in, asked_at
"""

CONCLUDE = "UPDATE customers.signups SET state = $2, answer = $3 WHERE id = $1 AND state = 'asked'"

FIND = "SELECT id, restaurant_id, email, name, state, asked_at FROM customers.signups WHERE id = $1"

CONFIRM = """
UPDATE customers.signups SET state = 'confirmed', confirmed_at = $2, confirmed_from = $3
WHERE id = $1 AND state <> 'confirmed' RETURNING restaurant_id, email, name, source, asked_at, asked_from
"""

CONSENTED = """
INSERT INTO customers.customers AS c
    (id, restaurant_id, email, name, phone, marketing_consent_at, marketing_consent_source)
VALUES ($1, $2, $3, $4, '', $5, $6)
ON CONFLICT (id) DO UPDATE SET
    marketing_consent_at = excluded.marketing_consent_at,
    marketing_consent_source = excluded.marketing_consent_source,
    unsubscribed_at = NULL,
    name = CASE WHEN c.name = '' THEN excluded.name ELSE c.name END,
    version = c.version + 1
"""

SWEEP = "DELETE FROM customers.signups WHERE asked_at < $1"


class ClaimedSignup(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-up whose mail is about to be sent; `claimed_in` are the journals of all who were about to."""

    id: UUID
    restaurant_id: UUID
    email: str
    name: str
    claimed_in: frozenset[str]
    asked_at: datetime


async def ask(
    tx: Transaction,
    signup_id: UUID,
    *,
    restaurant_id: UUID,
    email: str,
    name: str,
    source: str,
    at: datetime,
    address: str,
    most_a_day: int,
) -> bool:
    """Write down that somebody asks; return False where the address has been asked enough for now."""
    hour = int(at.timestamp()) // 3600
    made = await tx.execute(ASK, signup_id, restaurant_id, email, name, source, hour, at, address, most_a_day)
    return made == 1


async def claim(tx: Transaction, signup_id: UUID, journal_id: str) -> ClaimedSignup | None:
    """Write down who is about to send the mail; None when nothing is left to do."""
    row = await tx.fetch_row(CLAIM, signup_id, journal_id)
    if row is None:
        return None
    return ClaimedSignup(**{**row, "claimed_in": frozenset(row["claimed_in"])})


async def conclude(tx: Transaction, signup_id: UUID, state: str, answer: str) -> None:
    """Write down what came of the mail."""
    await tx.execute(CONCLUDE, signup_id, state, answer)


async def find(database: Database, signup_id: UUID) -> Record | None:
    """Return a sign-up."""
    return await database.fetch_row(FIND, signup_id)


async def confirm(tx: Transaction, signup_id: UUID, *, at: datetime, address: str) -> Record | None:
    """Mark a sign-up as confirmed; None where it is gone or was confirmed before."""
    return await tx.fetch_row(CONFIRM, signup_id, at, address)


async def write_consent(
    tx: Transaction, customer_id: UUID, *, restaurant_id: UUID, email: str, name: str, at: datetime, source: str
) -> None:
    """Make or find the customer, and write that they have agreed."""
    await tx.execute(CONSENTED, customer_id, restaurant_id, email, name, at, source)


async def sweep(tx: Transaction, before: datetime) -> int:
    """Forget the sign-ups that were asked for before; what was confirmed stands in the record of consent."""
    return await tx.execute(SWEEP, before)

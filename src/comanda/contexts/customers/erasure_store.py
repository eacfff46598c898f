"""The SQL of giving out and taking away what is kept of a customer."""

from uuid import UUID

from comanda.engine.database import Database, Record, Transaction

CUSTOMER = """
SELECT email, name, phone, timezone, orders, first_order_at, last_order_at, imported_at, marketing_consent_at,
    marketing_consent_source, unsubscribed_at, attributes
FROM customers.customers WHERE restaurant_id = $1 AND id = $2
"""

ORDERS = """
SELECT order_id, number, total, currency, placed_at FROM customers.customer_orders
WHERE customer_id = $1 ORDER BY placed_at
"""

ADDRESSES = """
SELECT street, city, postcode, detail, last_used_at FROM customers.addresses WHERE customer_id = $1 ORDER BY id
"""

BY_EMAIL = "SELECT id FROM customers.customers WHERE restaurant_id = $1 AND email = $2"

LOCKED = """
SELECT email, last_order_at FROM customers.customers WHERE restaurant_id = $1 AND id = $2 FOR UPDATE
"""

ERASE = (
    "DELETE FROM customers.customers WHERE id = $1",
    "DELETE FROM customers.consents WHERE customer_id = $1",
)

ERASE_SIGNUPS = "DELETE FROM customers.signups WHERE restaurant_id = $1 AND email = $2"


async def by_email(database: Database, restaurant_id: UUID, email: str) -> UUID | None:
    """Return a customer's id."""
    found: UUID | None = await database.fetch_value(BY_EMAIL, restaurant_id, email)
    return found


async def customer(database: Database, restaurant_id: UUID, customer_id: UUID) -> Record | None:
    """Return all columns of a customer that say something of them."""
    return await database.fetch_row(CUSTOMER, restaurant_id, customer_id)


async def orders(database: Database, customer_id: UUID) -> list[Record]:
    """Return all orders of a customer, the oldest first."""
    return list(await database.fetch(ORDERS, customer_id))


async def addresses(database: Database, customer_id: UUID) -> list[Record]:
    """Return all addresses of a customer."""
    return list(await database.fetch(ADDRESSES, customer_id))


async def locked(tx: Transaction, restaurant_id: UUID, customer_id: UUID) -> Record | None:
    """Lock a customer; None where there is none."""
    return await tx.fetch_row(LOCKED, restaurant_id, customer_id)


async def erase(tx: Transaction, customer_id: UUID, *, restaurant_id: UUID, email: str) -> None:
    """Delete a customer with orders, addresses, record of consent and sign-ups."""
    for sql in ERASE:
        await tx.execute(sql, customer_id)
    await tx.execute(ERASE_SIGNUPS, restaurant_id, email)

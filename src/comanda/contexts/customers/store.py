"""The SQL of customers."""

from datetime import datetime
from uuid import UUID

from comanda.contracts.ordering import Address, OrderDocument
from comanda.engine.database import Database, Record, Transaction

COLUMNS = "id, email, name, phone, orders, first_order_at, last_order_at"


INSERT_CUSTOMER = """
INSERT INTO customers.customers (id, restaurant_id, email, name, phone, first_order_at, last_order_at)
VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING RETURNING id
"""
"""No key is named, for the row has two that follow from one another: who inserts the same customer at the same instant
may meet the other's id before its e-mail, and `ON CONFLICT (restaurant_id, email)` lets that be an error."""

RENEW_CUSTOMER = """
UPDATE customers.customers SET
    name = CASE WHEN last_order_at > $4 THEN name ELSE $2 END,
    phone = CASE WHEN last_order_at > $4 OR $3 = '' THEN phone ELSE $3 END,
    first_order_at = least(first_order_at, $4),
    last_order_at = greatest(last_order_at, $4),
    version = version + 1
WHERE restaurant_id = $1 AND email = $5 RETURNING id
"""


async def upsert_customer(tx: Transaction, order: OrderDocument) -> UUID:
    """Make the guest a customer, or write the name and phone of their latest order; return the customer's id."""
    guest, at = order.guest, order.placed_at
    renewal = (order.restaurant_id, guest.name, guest.phone, at, guest.email)
    known: UUID | None = await tx.fetch_value(RENEW_CUSTOMER, *renewal)
    if known is not None:
        return known
    made: UUID | None = await tx.fetch_value(
        INSERT_CUSTOMER, guest.id, order.restaurant_id, guest.email, guest.name, guest.phone, at
    )
    # Nothing was made: another transaction has just made the same customer, and this statement waited for its commit.
    customer_id: UUID = made or await tx.fetch_value(RENEW_CUSTOMER, *renewal)
    return customer_id


async def insert_order(tx: Transaction, customer_id: UUID, order: OrderDocument) -> bool:
    """Count the order into its customer's history; return False when it was counted before."""
    sql = """
        INSERT INTO customers.customer_orders (order_id, customer_id, number, total, currency, placed_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (order_id) DO NOTHING
    """
    quote = order.quote
    is_new = await tx.execute(sql, order.id, customer_id, order.number, quote.total, quote.currency, order.placed_at)
    if is_new:
        await tx.execute(
            "UPDATE customers.customers SET orders = orders + 1, version = version + 1 WHERE id = $1", customer_id
        )
    return is_new == 1


async def upsert_address(
    tx: Transaction, customer_id: UUID, address: Address, *, fingerprint: str, used_at: datetime
) -> None:
    """Remember where something was delivered; the same place is remembered once."""
    sql = """
        INSERT INTO customers.addresses AS a (customer_id, fingerprint, street, city, postcode, detail, last_used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (customer_id, fingerprint) DO UPDATE SET last_used_at = greatest(a.last_used_at, $7)
    """
    await tx.execute(
        sql, customer_id, fingerprint, address.street, address.city, address.postcode, address.detail, used_at
    )


async def customers(database: Database, restaurant_id: UUID, search: str, most: int) -> list[Record]:
    """Return customers whose e-mail or phone begins with `search`, or whose name contains it; the latest first."""
    sql = f"""
        SELECT {COLUMNS} FROM customers.customers
        WHERE restaurant_id = $1
          AND ($2 = '' OR starts_with(email, lower($2)) OR starts_with(phone, $2) OR strpos(lower(name), lower($2)) > 0)
        ORDER BY last_order_at DESC NULLS LAST, id LIMIT $3
    """
    return list(await database.fetch(sql, restaurant_id, search, most))


async def count(database: Database, restaurant_id: UUID) -> int:
    """Return how many customers the restaurant has."""
    sql = "SELECT count(*) FROM customers.customers WHERE restaurant_id = $1"
    number: int = await database.fetch_value(sql, restaurant_id)
    return number


async def customer(database: Database, restaurant_id: UUID, customer_id: UUID) -> Record | None:
    """Return one customer."""
    sql = f"SELECT {COLUMNS} FROM customers.customers WHERE id = $1 AND restaurant_id = $2"
    return await database.fetch_row(sql, customer_id, restaurant_id)


async def orders_of(database: Database, customer_id: UUID, most: int) -> list[Record]:
    """Return the customer's orders, the latest first."""
    sql = """
        SELECT order_id, number, total, currency, placed_at FROM customers.customer_orders
        WHERE customer_id = $1 ORDER BY placed_at DESC LIMIT $2
    """
    return list(await database.fetch(sql, customer_id, most))


async def addresses_of(database: Database, customer_id: UUID, most: int) -> list[Record]:
    """Return the customer's addresses, the last used first."""
    sql = """
        SELECT street, city, postcode, detail, last_used_at FROM customers.addresses
        WHERE customer_id = $1 ORDER BY last_used_at DESC LIMIT $2
    """
    return list(await database.fetch(sql, customer_id, most))

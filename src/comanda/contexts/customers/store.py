"""The SQL of customers."""

from datetime import datetime
from uuid import UUID

from comanda.contracts.ordering import Address, OrderDocument
from comanda.engine.database import Database, Record, Transaction

COLUMNS = "id, email, name, phone, orders, first_order_at, last_order_at"


async def upsert_customer(tx: Transaction, order: OrderDocument) -> UUID:
    """Make the guest a customer, or write the name and phone of their latest order; return the customer's id."""
    sql = """
        INSERT INTO customers.customers AS c (id, restaurant_id, email, name, phone, first_order_at, last_order_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (restaurant_id, email) DO UPDATE SET
            name = CASE WHEN c.last_order_at > $6 THEN c.name ELSE $4 END,
            phone = CASE WHEN c.last_order_at > $6 OR $5 = '' THEN c.phone ELSE $5 END,
            first_order_at = least(c.first_order_at, $6),
            last_order_at = greatest(c.last_order_at, $6)
        RETURNING id
    """
    guest = order.guest
    customer_id: UUID = await tx.fetch_value(
        sql, guest.id, order.restaurant_id, guest.email, guest.name, guest.phone, order.placed_at
    )
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
        await tx.execute("UPDATE customers.customers SET orders = orders + 1 WHERE id = $1", customer_id)
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

"""What the system itself has stored of the drill's orders: one moment of its database."""

from typing import Any

import msgspec

from comanda.engine.database import Database

ORDERS = """
SELECT o.id::text AS id, o.number, o.idempotency_key AS key, lower(o.guest ->> 'email') AS email, o.total, o.status,
    o.paid_at IS NOT NULL AS paid,
    (SELECT count(*) FROM kitchen.tickets t WHERE t.order_id = o.id) AS tickets
FROM ordering.orders o JOIN catalog.restaurants r ON r.id = o.restaurant_id WHERE r.slug = $1 ORDER BY o.placed_at
"""

PAYMENTS = "SELECT id::text AS id, order_id::text AS order_id, amount, state, reason FROM payments.payments"

REFUNDS = """
SELECT r.id::text AS id, p.order_id::text AS order_id, r.amount, r.state
FROM payments.refunds r JOIN payments.payments p ON p.id = r.payment_id
"""

RECEIPTS = "SELECT order_id::text AS order_id, message_id, state, doubtful FROM receipts.receipts"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order; `tickets` is how many the kitchen has of it."""

    id: str
    number: int
    key: str
    email: str
    total: int
    status: str
    paid: bool
    tickets: int


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of an order; its id is the provider's key."""

    id: str
    order_id: str
    amount: int
    state: str
    reason: str


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund of an order."""

    id: str
    order_id: str
    amount: int
    state: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt; `doubtful` is how often it was sent again without knowing whether it had been accepted."""

    order_id: str
    message_id: str
    state: str
    doubtful: int


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    orders: tuple[Order, ...]
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    receipts: tuple[Receipt, ...]


async def read_stored(database: Database, restaurant: str) -> Stored:
    """Read what is stored of a restaurant's orders."""
    return Stored(
        orders=tuple(Order(**row) for row in await _rows(database, ORDERS, restaurant)),
        payments=tuple(Payment(**row) for row in await _rows(database, PAYMENTS)),
        refunds=tuple(Refund(**row) for row in await _rows(database, REFUNDS)),
        receipts=tuple(Receipt(**row) for row in await _rows(database, RECEIPTS)),
    )


async def _rows(database: Database, sql: str, *arguments: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await database.fetch(sql, *arguments)]

"""Ordering's SQL besides the intake's: reading orders, moving them, telling their timeline."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.ordering.states import Status
from comanda.contracts.catalog import Restaurant
from comanda.contracts.ordering import (
    ChosenOption,
    FulfilmentDetails,
    GuestDetails,
    OrderDocument,
    OrderLine,
    Quote,
)
from comanda.engine.database import Database, Record, Transaction

ORDER = "SELECT * FROM ordering.orders WHERE id = $1"

LOCK = "SELECT * FROM ordering.orders WHERE id = $1 FOR UPDATE"

LINES = "SELECT * FROM ordering.order_lines WHERE order_id = $1 ORDER BY place"

MOVE = """
UPDATE ordering.orders
SET status = $4, version = version + 1, paid_at = CASE WHEN $4 = 'paid' THEN $5 ELSE paid_at END
WHERE id = $1 AND restaurant_id = $2 AND version = $3
"""

REFUNDED = "UPDATE ordering.orders SET refunded = $3 WHERE id = $1 AND restaurant_id = $2 AND refunded < $3"

TELL = """
INSERT INTO ordering.timeline (order_id, what, reference, at, detail) VALUES ($1, $2, $3, $4, $5::text::jsonb)
ON CONFLICT (order_id, what, reference) DO NOTHING
"""

TIMELINE = "SELECT what, reference, at, detail FROM ordering.timeline WHERE order_id = $1 ORDER BY at, what"

ATTEMPTS = """
SELECT at, outcome, code, key, caller FROM ordering.attempts WHERE order_id = $1 ORDER BY at, id LIMIT $2
"""

ATTEMPT_COUNTS = "SELECT outcome, count(*) AS n FROM ordering.attempts WHERE order_id = $1 GROUP BY outcome"

OF_TIME = """
SELECT * FROM ordering.orders
WHERE restaurant_id = $1 AND placed_at >= $2 AND placed_at < $3 ORDER BY placed_at DESC LIMIT $4
"""

SALES = """
SELECT count(*) AS orders, coalesce(sum(total), 0)::bigint AS total, coalesce(sum(refunded), 0)::bigint AS refunded,
       coalesce(sum(tip), 0)::bigint AS tips
FROM ordering.orders
WHERE restaurant_id = $1 AND placed_at >= $2 AND placed_at < $3 AND paid_at IS NOT NULL
"""

INSERT_REFUND = """
INSERT INTO ordering.refunds (id, order_id, restaurant_id, amount, reason, requested_by, requested_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

REFUND_DONE = "UPDATE ordering.refunds SET state = 'done' WHERE id = $1 AND state = 'requested'"

ASKED_BACK = "SELECT coalesce(sum(amount), 0)::bigint FROM ordering.refunds WHERE order_id = $1"


class StoredOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it stands in the database, without its lines."""

    id: UUID
    restaurant_id: UUID
    number: int
    status: Status
    version: int
    customer_id: UUID
    guest: GuestDetails
    fulfilment: FulfilmentDetails
    currency: str
    items: int
    discount: int
    tax: int
    tax_added: int
    fee: int
    tip: int
    total: int
    refunded: int
    coupon: str | None
    note: str
    payment_method: str
    placed_at: datetime
    paid_at: datetime | None
    attributes: dict[str, object] = {}

    def quote(self, lines: Sequence[OrderLine]) -> Quote:
        """Return what the order costs, with its lines."""
        return Quote(
            currency=self.currency,
            lines=tuple(lines),
            items=self.items,
            discount=self.discount,
            tax=self.tax,
            tax_added=self.tax_added,
            fee=self.fee,
            tip=self.tip,
            total=self.total,
            coupon=self.coupon,
        )

    def document(self, restaurant: Restaurant, lines: Sequence[OrderLine], tracking_path: str) -> OrderDocument:
        """Return the order as it travels in events."""
        return OrderDocument(
            id=self.id,
            number=self.number,
            restaurant_id=self.restaurant_id,
            restaurant_slug=restaurant.slug,
            restaurant_name=restaurant.name,
            timezone=restaurant.timezone,
            locale=restaurant.locale,
            placed_at=self.placed_at,
            tracking_path=tracking_path,
            guest=self.guest,
            fulfilment=self.fulfilment,
            quote=self.quote(lines),
            note=self.note,
            payment_method=self.payment_method,
        )


class TimelineRow(msgspec.Struct, frozen=True):
    """Something that happened to an order."""

    what: str
    reference: str
    at: datetime
    detail: dict[str, object]


class Sales(msgspec.Struct, frozen=True):
    """What a stretch of time brought in, of orders that were paid; minor units."""

    orders: int
    total: int
    refunded: int
    tips: int


_COPIED = (
    "id",
    "restaurant_id",
    "number",
    "status",
    "version",
    "customer_id",
    "currency",
    "items",
    "discount",
    "tax",
    "tax_added",
    "fee",
    "tip",
    "total",
    "refunded",
    "coupon",
    "note",
    "payment_method",
    "placed_at",
    "paid_at",
)


def _order(row: Record) -> StoredOrder:
    guest = msgspec.json.decode(row["guest"], type=dict[str, str])
    return StoredOrder(
        guest=GuestDetails(id=row["customer_id"], **guest),
        fulfilment=msgspec.json.decode(row["fulfilment"], type=FulfilmentDetails),
        attributes=msgspec.json.decode(row["attributes"]),
        **{name: row[name] for name in _COPIED},
    )


def _line(row: Record) -> OrderLine:
    return OrderLine(
        item=row["item_id"],
        name=row["name"],
        quantity=row["quantity"],
        unit_price=row["unit_price"],
        total=row["total"],
        options=msgspec.json.decode(row["options"], type=tuple[ChosenOption, ...]),
        note=row["note"],
    )


async def order(at: Database | Transaction, order_id: UUID) -> StoredOrder | None:
    """Return an order, or None."""
    row = await at.fetch_row(ORDER, order_id)
    return None if row is None else _order(row)


async def locked(tx: Transaction, order_id: UUID) -> StoredOrder | None:
    """Return an order, locked until `tx` ends, or None."""
    row = await tx.fetch_row(LOCK, order_id)
    return None if row is None else _order(row)


async def lines(at: Database | Transaction, found: StoredOrder) -> list[OrderLine]:
    """Return the lines of an order."""
    return [_line(row) for row in await at.fetch(LINES, found.id)]


async def move(tx: Transaction, found: StoredOrder, to: Status, at: datetime) -> bool:
    """Give the order another status; return False where its version is no longer the one that was read."""
    return await tx.execute(MOVE, found.id, found.restaurant_id, found.version, to, at) == 1


async def set_refunded(tx: Transaction, found: StoredOrder, amount: int) -> None:
    """Write down how much of an order was given back in all; a smaller sum, come late, changes nothing."""
    await tx.execute(REFUNDED, found.id, found.restaurant_id, amount)


async def tell(
    tx: Transaction, order_id: UUID, what: str, reference: str, at: datetime, *, detail: dict[str, object] | None = None
) -> None:
    """Add to an order's timeline, once for each `what` and `reference`."""
    await tx.execute(TELL, order_id, what, reference, at, msgspec.json.encode(detail or {}).decode())


async def timeline(database: Database, order_id: UUID) -> list[TimelineRow]:
    """Return what happened to an order, from the first to the last."""
    rows = await database.fetch(TIMELINE, order_id)
    return [TimelineRow(row["what"], row["reference"], row["at"], msgspec.json.decode(row["detail"])) for row in rows]


async def attempts(database: Database, order_id: UUID, limit: int) -> list[dict[str, object]]:
    """Return the first `limit` requests that led to an order."""
    return [dict(row) for row in await database.fetch(ATTEMPTS, order_id, limit)]


async def attempt_counts(database: Database, order_id: UUID) -> dict[str, int]:
    """Return how many requests led to an order, by outcome."""
    return {row["outcome"]: row["n"] for row in await database.fetch(ATTEMPT_COUNTS, order_id)}


async def orders_of_time(
    database: Database, restaurant_id: UUID, since: datetime, until: datetime, limit: int
) -> list[StoredOrder]:
    """Return the orders placed in a stretch of time, the latest first."""
    return [_order(row) for row in await database.fetch(OF_TIME, restaurant_id, since, until, limit)]


async def sales(database: Database, restaurant_id: UUID, since: datetime, until: datetime) -> Sales:
    """Return what a stretch of time brought in."""
    row = await database.fetch_row(SALES, restaurant_id, since, until)
    return Sales(0, 0, 0, 0) if row is None else Sales(**dict(row))


async def insert_refund(
    tx: Transaction, found: StoredOrder, refund_id: UUID, amount: int, reason: str, *, by: UUID, at: datetime
) -> None:
    """Write down that staff want money given back."""
    await tx.execute(INSERT_REFUND, refund_id, found.id, found.restaurant_id, amount, reason, by, at)


async def refund_done(tx: Transaction, refund_id: UUID) -> None:
    """Write down that it was given back."""
    await tx.execute(REFUND_DONE, refund_id)


async def asked_back(tx: Transaction, order_id: UUID) -> int:
    """Return how much of an order staff have asked to be given back so far."""
    amount: int = await tx.fetch_value(ASKED_BACK, order_id)
    return amount

"""The intake's SQL: looking arrivals up, and writing orders, set-wise."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from comanda.contexts.ordering.arrivals import Arrival, AttemptRow, Earlier, Known
from comanda.contexts.ordering.composing import Draft
from comanda.engine.database import Database, Record, Transaction
from comanda.engine.idempotency import StoredAnswer

LOOK_UP = """
SELECT k.fingerprint, k.body_hash, k.status, k.answer, k.location, k.created_at,
       o.id AS o_id, o.number AS o_number, o.copy AS o_copy, o.status AS o_status, o.placed_at AS o_placed_at,
       o.idempotency_scope AS o_scope, o.idempotency_key AS o_key
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bytea[]) WITH ORDINALITY
    AS a (scope, key, restaurant_id, form_hash, n)
LEFT JOIN engine.idempotency_keys k ON k.scope = a.scope AND k.key = a.key
LEFT JOIN LATERAL (
    SELECT * FROM ordering.orders o WHERE o.restaurant_id = a.restaurant_id AND o.form_hash = a.form_hash
    ORDER BY o.copy DESC LIMIT 1
) o ON true
ORDER BY a.n
"""

ANSWER_OF_COPY = """
SELECT o.id AS order_id, k.* FROM ordering.orders o
JOIN engine.idempotency_keys k ON k.scope = o.idempotency_scope AND k.key = o.idempotency_key
WHERE o.restaurant_id = $1 AND o.form_hash = $2 AND o.copy = $3
"""

NUMBERS = "SELECT nextval('ordering.order_numbers') FROM generate_series(1, $1::int)"

INSERT_ORDERS = """
INSERT INTO ordering.orders (
    id, restaurant_id, number, form_hash, copy, status, customer_id, guest, fulfilment, fulfilment_type, due_at,
    currency, items, discount, tax, tax_added, fee, tip, total, coupon, menu_version, note, payment_method,
    idempotency_scope, idempotency_key, placed_at, attributes
)
SELECT id, restaurant_id, number, form_hash, copy, 'placed', customer_id, guest::jsonb, fulfilment::jsonb,
    fulfilment_type, due_at, currency, items, discount, tax, tax_added, fee, tip, total, coupon, menu_version, note,
    payment_method, idempotency_scope, idempotency_key, placed_at, attributes::jsonb
FROM unnest(
    $1::uuid[], $2::uuid[], $3::bigint[], $4::bytea[], $5::int[], $6::uuid[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
    $17::bigint[], $18::bigint[], $19::text[], $20::int[], $21::text[], $22::text[], $23::uuid[], $24::text[],
    $25::timestamptz[], $26::text[]
) AS o (
    id, restaurant_id, number, form_hash, copy, customer_id, guest, fulfilment, fulfilment_type, due_at, currency,
    items, discount, tax, tax_added, fee, tip, total, coupon, menu_version, note, payment_method, idempotency_scope,
    idempotency_key, placed_at, attributes
)
ON CONFLICT (restaurant_id, form_hash, copy) DO NOTHING
RETURNING id
"""

DELETE_ORDERS = "DELETE FROM ordering.orders WHERE id = ANY ($1::uuid[])"

INSERT_LINES = """
INSERT INTO ordering.order_lines (order_id, place, item_id, name, quantity, unit_price, total, options, note)
SELECT order_id, place, item_id, name, quantity, unit_price, total, options::jsonb, note
FROM unnest(
    $1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::text[], $9::text[]
) AS l (order_id, place, item_id, name, quantity, unit_price, total, options, note)
"""

INSERT_ATTEMPTS = """
INSERT INTO ordering.attempts (at, restaurant_id, order_id, outcome, code, key, caller)
SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
"""

INSERT_ECHOES = f"""
{INSERT_ATTEMPTS}
WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
"""
"""Attempts that made nothing, as one statement and transaction that does not wait for the disk: the order's own commit
was flushed, and its echo may be lost with the machine, but not with this process."""

_encoder = msgspec.json.Encoder()


class Placing(msgspec.Struct, kw_only=True):
    """A draft on its way into the database."""

    arrival: Arrival
    draft: Draft
    copy: int
    key: str
    stale: bool
    number: int = 0
    token: str = ""
    stored: StoredAnswer | None = None


def _json(value: object) -> str:
    return _encoder.encode(value).decode()


async def look_up(database: Database, arrivals: Sequence[Arrival]) -> list[Known]:
    """Return, for each arrival, the answer stored for its key and the latest order of its form."""
    rows = await database.fetch(
        LOOK_UP,
        [a.scope for a in arrivals],
        [a.key for a in arrivals],
        [a.restaurant.id for a in arrivals],
        [a.form_hash or None for a in arrivals],
    )
    return [_known(arrival, row) for arrival, row in zip(arrivals, rows, strict=True)]


def _known(arrival: Arrival, row: Record) -> Known:
    stored = earlier = None
    if row["status"] is not None and arrival.key is not None:
        stored = StoredAnswer(
            scope=arrival.scope,
            key=arrival.key,
            fingerprint=row["fingerprint"],
            body_hash=row["body_hash"],
            status=row["status"],
            answer=row["answer"],
            location=row["location"],
            created_at=row["created_at"],
        )
    if row["o_id"] is not None:
        earlier = Earlier(
            row["o_id"],
            row["o_number"],
            row["o_copy"],
            row["o_status"],
            row["o_placed_at"],
            row["o_scope"],
            row["o_key"],
        )
    return Known(stored, earlier)


async def answer_of_copy(
    database: Database, restaurant_id: UUID, form_hash: bytes, copy: int
) -> tuple[UUID, StoredAnswer] | None:
    """Return the order that is a form's copy of that number, and the answer that was given for it."""
    row = await database.fetch_row(ANSWER_OF_COPY, restaurant_id, form_hash, copy)
    if row is None:
        return None
    columns = dict(row)
    return columns.pop("order_id"), StoredAnswer(**columns)


async def draw_numbers(tx: Transaction, count: int) -> list[int]:
    """Return `count` new order numbers, rising."""
    return [row[0] for row in await tx.fetch(NUMBERS, count)]  # type: ignore[index]


async def insert_orders(tx: Transaction, placings: Sequence[Placing], now: datetime) -> set[UUID]:
    """Insert orders, which must be sorted by restaurant, form hash and copy; return the ids of those that were new."""
    quotes = [p.draft.offer.quote for p in placings]
    fulfilments = [p.draft.offer.fulfilment for p in placings]
    forms = [p.draft.form for p in placings]
    rows = await tx.fetch(
        INSERT_ORDERS,
        [p.draft.id for p in placings],
        [p.draft.restaurant.id for p in placings],
        [p.number for p in placings],
        [p.arrival.form_hash for p in placings],
        [p.copy for p in placings],
        [p.draft.customer_id for p in placings],
        [_json({"name": f.name, "email": f.email, "phone": f.phone}) for f in forms],
        [_json(f) for f in fulfilments],
        [f.type for f in fulfilments],
        [f.due_at for f in fulfilments],
        [q.currency for q in quotes],
        [q.items for q in quotes],
        [q.discount for q in quotes],
        [q.tax for q in quotes],
        [q.tax_added for q in quotes],
        [q.fee for q in quotes],
        [q.tip for q in quotes],
        [q.total for q in quotes],
        [q.coupon for q in quotes],
        [p.draft.restaurant.menu.version for p in placings],
        [f.note for f in forms],
        [f.payment_method for f in forms],
        [p.arrival.scope for p in placings],
        [p.key for p in placings],
        [now] * len(placings),
        [_json(f.attributes) for f in forms],
    )
    return {row["id"] for row in rows}


async def delete_orders(tx: Transaction, placings: Sequence[Placing]) -> None:
    """Take back orders that were inserted in this transaction."""
    await tx.execute(DELETE_ORDERS, [p.draft.id for p in placings])


async def insert_lines(tx: Transaction, placings: Sequence[Placing]) -> None:
    """Insert the lines of the orders."""
    lines = [(p.draft, place, line) for p in placings for place, line in enumerate(p.draft.offer.quote.lines)]
    await tx.execute(
        INSERT_LINES,
        [draft.id for draft, _, _ in lines],
        [place for _, place, _ in lines],
        [line.item for _, _, line in lines],
        [line.name for _, _, line in lines],
        [line.quantity for _, _, line in lines],
        [line.unit_price for _, _, line in lines],
        [line.total for _, _, line in lines],
        [_json(line.options) for _, _, line in lines],
        [line.note for _, _, line in lines],
    )


async def insert_attempts(tx: Transaction, attempts: Sequence[AttemptRow]) -> None:
    """Write down attempts."""
    await tx.execute(INSERT_ATTEMPTS, *_columns(attempts))


async def insert_echoes(database: Database, attempts: Sequence[AttemptRow]) -> None:
    """Write down attempts that made nothing, in a transaction of their own."""
    await database.fetch(INSERT_ECHOES, *_columns(attempts))


def _columns(attempts: Sequence[AttemptRow]) -> list[list[object]]:
    return [
        [a.at for a in attempts],
        [a.restaurant_id for a in attempts],
        [a.order_id for a in attempts],
        [a.outcome for a in attempts],
        [a.code for a in attempts],
        [a.key for a in attempts],
        [a.caller for a in attempts],
    ]

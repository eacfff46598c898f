"""The SQL of payments. Rows are locked payment first, then refund; saves are guarded by the row's version."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from comanda.contexts.payments.payment import Payment
from comanda.contexts.payments.refund import Refund
from comanda.engine.database import Database, Record, Transaction

PAYMENT_COLUMNS = ", ".join(Payment.__struct_fields__)
REFUND_COLUMNS = ", ".join(Refund.__struct_fields__)

INSERT_PAYMENT = f"""
INSERT INTO payments.payments ({PAYMENT_COLUMNS})
VALUES ({", ".join(f"${n}" for n in range(1, len(Payment.__struct_fields__) + 1))})
ON CONFLICT (order_id) DO NOTHING
"""

INSERT_PAYMENTS = """
INSERT INTO payments.payments
    (id, order_id, restaurant_id, amount, currency, method, state, provider, attempts, first_sent_at, check_at,
     created_at, trace)
SELECT n.id, n.order_id, n.restaurant_id, n.amount, n.currency, n.method, n.state, n.provider, n.attempts,
       n.first_sent_at, n.check_at, n.created_at, n.trace
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[])
    AS n (id, order_id, restaurant_id, amount, currency, method, state, provider, attempts, first_sent_at, check_at,
          created_at, trace)
ON CONFLICT (order_id) DO NOTHING RETURNING id
"""

INSERTED = (
    "id",
    "order_id",
    "restaurant_id",
    "amount",
    "currency",
    "method",
    "state",
    "provider",
    "attempts",
    "first_sent_at",
    "check_at",
    "created_at",
    "trace",
)
"""What a payment that is about to be sent for the first time does not leave at its default."""

LOCK_PAYMENT = f"SELECT {PAYMENT_COLUMNS} FROM payments.payments WHERE id = $1 FOR UPDATE"
LOCK_PAYMENT_OF_ORDER = f"SELECT {PAYMENT_COLUMNS} FROM payments.payments WHERE order_id = $1 FOR UPDATE"

SAVE_PAYMENT = """
UPDATE payments.payments
SET state = $3, provider_ref = $4, attempts = $5, first_sent_at = $6, check_at = $7, reason = $8, captured = $9,
    captured_at = $10, refunded = $11, refunding = $12, order_ended = $13, version = version + 1
WHERE id = $1 AND version = $2
"""

SAVE_UNCHANGED = """
UPDATE payments.payments p
SET state = n.state, provider_ref = n.provider_ref, check_at = n.check_at, reason = n.reason, captured = n.captured,
    captured_at = n.captured_at, version = p.version + 1
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[],
            $8::timestamptz[])
    AS n (id, version, state, provider_ref, check_at, reason, captured, captured_at)
WHERE p.id = n.id AND p.version = n.version
RETURNING p.id
"""

CHANGED = ("id", "version", "state", "provider_ref", "check_at", "reason", "captured", "captured_at")
"""What the provider's word can change of a payment that nobody else has touched."""

INSERT_REFUND = f"""
INSERT INTO payments.refunds ({REFUND_COLUMNS})
VALUES ({", ".join(f"${n}" for n in range(1, len(Refund.__struct_fields__) + 1))})
ON CONFLICT DO NOTHING
"""

LOCK_REFUND = f"SELECT {REFUND_COLUMNS} FROM payments.refunds WHERE id = $1 FOR UPDATE"
PAYMENT_OF_REFUND = "SELECT payment_id FROM payments.refunds WHERE id = $1"

WAITING_REFUNDS = f"""
SELECT {REFUND_COLUMNS} FROM payments.refunds WHERE payment_id = $1 AND state = 'waiting' ORDER BY created_at, id
FOR UPDATE
"""

SAVE_REFUND = """
UPDATE payments.refunds
SET state = $3, failure = $4, provider_ref = $5, attempts = $6, first_sent_at = $7, check_at = $8,
    version = version + 1
WHERE id = $1 AND version = $2
"""

OPEN_PAYMENTS = """
SELECT id FROM payments.payments WHERE state IN ('sending', 'uncertain') AND check_at <= $1 ORDER BY check_at LIMIT $2
"""

OPEN_REFUNDS = """
SELECT id FROM payments.refunds WHERE state IN ('sending', 'uncertain') AND check_at <= $1 ORDER BY check_at LIMIT $2
"""

RECEIVE_WEBHOOK = """
INSERT INTO payments.webhooks_received (provider, event_id, kind, subject, effect, received_at)
VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT (provider, event_id) DO NOTHING
"""

WEBHOOK_EFFECT = "UPDATE payments.webhooks_received SET effect = $3 WHERE provider = $1 AND event_id = $2"

SWEEP_WEBHOOKS = """
DELETE FROM payments.webhooks_received WHERE (provider, event_id) IN (
    SELECT provider, event_id FROM payments.webhooks_received WHERE received_at < $1 ORDER BY received_at LIMIT $2
)
"""


def _payment(row: Record | None) -> Payment | None:
    return Payment(**row) if row is not None else None


def _refund(row: Record | None) -> Refund | None:
    return Refund(**row) if row is not None else None


async def insert_payment(tx: Transaction, payment: Payment) -> bool:
    """Insert it; return False when its order has a payment already."""
    return await tx.execute(INSERT_PAYMENT, *(getattr(payment, name) for name in Payment.__struct_fields__)) == 1


async def lock_payment(tx: Transaction, payment_id: UUID) -> Payment | None:
    """Return the payment, locked."""
    return _payment(await tx.fetch_row(LOCK_PAYMENT, payment_id))


async def lock_payment_of_order(tx: Transaction, order_id: UUID) -> Payment | None:
    """Return the order's payment, locked."""
    return _payment(await tx.fetch_row(LOCK_PAYMENT_OF_ORDER, order_id))


async def save_payment(tx: Transaction, before: Payment, after: Payment) -> Payment:
    """Write `after` over `before`, which was locked; return it with its new version."""
    if after is before:
        return before
    count = await tx.execute(
        SAVE_PAYMENT,
        before.id,
        before.version,
        after.state,
        after.provider_ref,
        after.attempts,
        after.first_sent_at,
        after.check_at,
        after.reason,
        after.captured,
        after.captured_at,
        after.refunded,
        after.refunding,
        after.order_ended,
    )
    if count != 1:
        raise AssertionError(f"Payment {before.id} changed under its lock.")
    return replace(after, version=before.version + 1)


async def insert_payments(tx: Transaction, payments: Sequence[Payment]) -> set[UUID]:
    """Insert payments that are about to be sent; return the ids of those whose order had none."""
    if not payments:
        return set()
    columns = ([getattr(payment, name) for payment in payments] for name in INSERTED)
    return {row["id"] for row in await tx.fetch(INSERT_PAYMENTS, *columns)}


async def save_unchanged(tx: Transaction, payments: Sequence[Payment]) -> set[UUID]:
    """Write the provider's word over payments whose version is still the same; return the ids of those."""
    if not payments:
        return set()
    columns = ([getattr(payment, name) for payment in payments] for name in CHANGED)
    return {row["id"] for row in await tx.fetch(SAVE_UNCHANGED, *columns)}


async def insert_refund(tx: Transaction, refund: Refund) -> bool:
    """Insert it; return False when it is there already, or its payment has its refund for an ended order."""
    return await tx.execute(INSERT_REFUND, *(getattr(refund, name) for name in Refund.__struct_fields__)) == 1


async def lock_refund(tx: Transaction, refund_id: UUID) -> tuple[Payment, Refund] | None:
    """Return the refund and its payment, both locked, the payment first."""
    payment_id = await tx.fetch_value(PAYMENT_OF_REFUND, refund_id)
    if payment_id is None:
        return None
    payment = await lock_payment(tx, payment_id)
    refund = _refund(await tx.fetch_row(LOCK_REFUND, refund_id))
    if payment is None or refund is None:
        raise AssertionError(f"Refund {refund_id} lost its row.")
    return payment, refund


async def waiting_refunds(tx: Transaction, payment_id: UUID) -> list[Refund]:
    """Return the refunds that wait for their payment to be known, oldest first, locked."""
    return [Refund(**row) for row in await tx.fetch(WAITING_REFUNDS, payment_id)]


async def save_refund(tx: Transaction, before: Refund, after: Refund) -> Refund:
    """Write `after` over `before`, which was locked; return it with its new version."""
    if after is before:
        return before
    count = await tx.execute(
        SAVE_REFUND,
        before.id,
        before.version,
        after.state,
        after.failure,
        after.provider_ref,
        after.attempts,
        after.first_sent_at,
        after.check_at,
    )
    if count != 1:
        raise AssertionError(f"Refund {before.id} changed under its lock.")
    return replace(after, version=before.version + 1)


async def open_payments(database: Database, *, due: datetime, limit: int) -> Sequence[UUID]:
    """Return open payments whose look-up is due."""
    return [row["id"] for row in await database.fetch(OPEN_PAYMENTS, due, limit)]


async def open_refunds(database: Database, *, due: datetime, limit: int) -> Sequence[UUID]:
    """Return open refunds whose look-up is due."""
    return [row["id"] for row in await database.fetch(OPEN_REFUNDS, due, limit)]


async def receive_webhook(
    tx: Transaction, provider: str, event_id: str, *, kind: str, subject: UUID, now: datetime
) -> bool:
    """Write down that this event takes effect now; return False when it has already."""
    return await tx.execute(RECEIVE_WEBHOOK, provider, event_id, kind, subject, now) == 1


async def note_effect(tx: Transaction, provider: str, event_id: str, effect: str) -> None:
    """Write what came of the event."""
    await tx.execute(WEBHOOK_EFFECT, provider, event_id, effect)


async def sweep_webhooks(database: Database, *, before: datetime, limit: int) -> int:
    """Forget events received before a time the provider no longer repeats them after; return how many."""
    async with database.transaction() as tx:
        return await tx.execute(SWEEP_WEBHOOKS, before, limit)

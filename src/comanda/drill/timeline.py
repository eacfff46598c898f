"""The story of one order, out of all that was written about it.

That is what its guest did and heard, the record of attempts, the log, what was parked, the payment and the provider's
ledger, the mail and its server's log, and the faults meanwhile.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from comanda.drill.books import Books, journalled
from comanda.drill.faults import Struck
from comanda.drill.intent import Intent
from comanda.engine.database import Database

AROUND = timedelta(seconds=3)
"""Faults are told that were over at most so long before the order was begun."""

OF_ORDER = """
SELECT at, 'attempts' AS place, format('%s %s under key %s…', outcome, code, left(key, 8)) AS what
FROM ordering.attempts WHERE order_id = $1::text::uuid
UNION ALL
SELECT at, 'log', format('event %s: %s', id, name) FROM engine.events WHERE key = $1::text
UNION ALL
SELECT parked_at, 'parked', format('%s has %s event %s after %s tries: %s', consumer,
    CASE state WHEN 'dead' THEN 'given up' ELSE 'parked' END, event_id, attempts, left(error, 200))
FROM engine.parked WHERE key = $1::text
UNION ALL
SELECT at, 'order', format('%s %s', what, reference) FROM ordering.timeline WHERE order_id = $1::text::uuid
UNION ALL
SELECT placed_at, 'order', format('number %s is placed under key %s…', number, left(idempotency_key, 8))
FROM ordering.orders WHERE id = $1::text::uuid
UNION ALL
SELECT coalesce(captured_at, first_sent_at, created_at), 'payment',
    format('%s is %s after %s calls %s', id, state, attempts, reason)
FROM payments.payments WHERE order_id = $1::text::uuid
UNION ALL
SELECT w.received_at, 'webhook', format('%s %s: %s', w.event_id, w.kind, w.effect)
FROM payments.webhooks_received w JOIN payments.payments p ON p.id = w.subject WHERE p.order_id = $1::text::uuid
UNION ALL
SELECT opened_at, 'kitchen', format('ticket %s', status) FROM kitchen.tickets WHERE order_id = $1::text::uuid
UNION ALL
SELECT claimed_at, 'receipt', format('%s is claimed, for the %s. time', message_id, attempts)
FROM receipts.receipts WHERE order_id = $1::text::uuid
UNION ALL
SELECT coalesce(sent_at, claimed_at), 'receipt', format('%s is %s: %s', message_id, state, answer)
FROM receipts.receipts WHERE order_id = $1::text::uuid
"""

PAYMENTS = "SELECT id::text FROM payments.payments WHERE order_id = $1::text::uuid"
MAILS = "SELECT message_id FROM receipts.receipts WHERE order_id = $1::text::uuid"


class Moment(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A line of the story: when, where it is written, and what."""

    at: datetime
    place: str
    what: str


async def timeline_of(
    database: Database, *, order: str, intent: Intent | None, books: Books, struck: Sequence[Struck], data: Path
) -> list[Moment]:
    """Return the story of an order, or of an intent that has none (`order` is empty then)."""
    moments = [] if intent is None else [Moment(at=said.at, place="guest", what=said.what) for said in intent.story]
    if order:
        moments += [Moment(**dict(row)) for row in await database.fetch(OF_ORDER, order)]
        payments = {row["id"] for row in await database.fetch(PAYMENTS, order)}
        message_ids = {row["message_id"] for row in await database.fetch(MAILS, order)}
        moments += _of_books(books, payments, message_ids, intent)
        for message_id in message_ids:
            moments += [Moment(at=at, place="journal", what=what) for at, what in journalled(data, message_id)]
    if moments:
        moments += _of_faults(struck, min(moments).at, max(moments).at)
    return sorted(moments)


def _of_books(books: Books, payments: set[str], message_ids: set[str], intent: Intent | None) -> Iterator[Moment]:
    for move in books.movements:
        if move.subject in payments:
            what = f"{move.kind} {move.id} of {move.amount} {move.state} {move.reason}".strip()
            yield Moment(at=move.at, place="ledger", what=what)
    for mail in books.mails:
        if mail.message_id in message_ids or (intent is not None and intent.email in mail.recipients):
            yield Moment(at=mail.at, place="mail log", what=f"mail {mail.id} accepted: {mail.message_id}")


def _of_faults(struck: Sequence[Struck], begun: datetime, ended: datetime) -> Iterator[Moment]:
    for fault in struck:
        if fault.at > ended or (fault.over_at is not None and fault.over_at < begun - AROUND):
            continue
        yield Moment(at=fault.at, place="fault", what=fault.told)
        if fault.over_at is not None and fault.fault.lasts_s:
            yield Moment(at=fault.over_at, place="fault", what=f"fault {fault.fault.number} is over")

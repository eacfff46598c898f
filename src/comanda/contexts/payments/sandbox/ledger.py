"""What is done in the sandbox's books: charges and refunds under keys, and the notices that tell of them.

Each function is one piece of work for `Books.do`: it gets the connection, inside a transaction. A movement, its key and
the notice of it are one commit.
"""

import sqlite3
from collections.abc import Callable
from typing import Literal

import msgspec

from comanda.contexts.payments.sandbox.books import BooksRefused
from comanda.contexts.payments.sandbox.cards import card_of
from comanda.contexts.payments.sandbox.wire import ChargeBody, Movement, Movements, Notice, RefundBody, State

SETTLE_AFTER_S = 0.5
"""How long a movement that settles later is pending."""

FORGOTTEN = 2000
"""Keys, and notices, forgotten at a time."""

PAGE = 1000
"""Movements in a page, at most."""

COLUMNS = ", ".join(Movement.__struct_fields__)

INSERT = """
INSERT INTO movements (id, kind, subject, charge, amount, currency, method, state, reason, at, settle_at, settle_reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_encode = msgspec.json.Encoder().encode


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """What a new charge or refund is made with: the time, ids to use, the key and its window."""

    now_s: float
    movement_id: str
    notice_id: str
    key: str
    key_window_s: float
    decline: str | None = None


class Made(msgspec.Struct, frozen=True):
    """A movement, and whether this call made it (else the key had made it before)."""

    movement: Movement
    new: bool


def charge(body: ChargeBody, making: Making) -> Callable[[sqlite3.Connection], Made]:
    """Charge, once per key within its window."""

    def work(books: sqlite3.Connection) -> Made:
        fingerprint = f"charge {body.payment_id} {body.amount} {body.currency} {body.method}"
        before = _by_key(books, making, fingerprint)
        if before is not None:
            return Made(before, new=False)
        card = card_of(body.method)
        decline = making.decline or card.decline
        later = card.settles == "later"
        state: State = "pending" if later else "failed" if decline else "succeeded"
        books.execute(
            INSERT,
            (
                making.movement_id,
                "charge",
                body.payment_id,
                None,
                body.amount,
                body.currency,
                body.method,
                state,
                "" if later else decline or "",
                making.now_s,
                making.now_s + SETTLE_AFTER_S if later else None,
                (decline or "") if later else None,
            ),
        )
        return _made(books, making, fingerprint)

    return work


def refund(body: RefundBody, making: Making) -> Callable[[sqlite3.Connection], Made]:
    """Refund, once per key within its window, and never more than was charged."""

    def work(books: sqlite3.Connection) -> Made:
        fingerprint = f"refund {body.refund_id} {body.charge} {body.amount}"
        before = _by_key(books, making, fingerprint)
        if before is not None:
            return Made(before, new=False)
        charged = _find(books, body.charge)
        if charged is None or charged.kind != "charge":
            raise BooksRefused(404, "no_such_charge")
        if charged.state != "succeeded":
            raise BooksRefused(400, "charge_not_succeeded")
        if body.amount > charged.amount - charged.refunded:
            raise BooksRefused(400, "more_than_was_charged")
        refunds = card_of(charged.method).refunds
        books.execute("UPDATE movements SET refunded = refunded + ? WHERE id = ?", (body.amount, charged.id))
        books.execute(
            INSERT,
            (
                making.movement_id,
                "refund",
                body.refund_id,
                charged.id,
                body.amount,
                charged.currency,
                charged.method,
                "pending" if refunds == "later" else "succeeded",
                "",
                making.now_s,
                None if refunds == "at_once" else making.now_s + SETTLE_AFTER_S,
                {"at_once": None, "later": "", "come_back": "lost_or_stolen_card"}[refunds],
            ),
        )
        return _made(books, making, fingerprint)

    return work


def settle(now_s: float, new_id: Callable[[], str]) -> Callable[[sqlite3.Connection], int]:
    """Settle what was to settle by now; return how many did."""

    def work(books: sqlite3.Connection) -> int:
        due = books.execute(
            "SELECT id, kind, charge, amount, settle_reason FROM movements WHERE settle_at <= ? LIMIT 500", (now_s,)
        ).fetchall()
        for row in due:
            reason = row["settle_reason"]
            books.execute(
                "UPDATE movements SET state = ?, reason = ?, settle_at = NULL WHERE id = ?",
                ("failed" if reason else "succeeded", reason, row["id"]),
            )
            if reason and row["kind"] == "refund":
                books.execute(
                    "UPDATE movements SET refunded = refunded - ? WHERE id = ?", (row["amount"], row["charge"])
                )
            movement = _find(books, row["id"])
            if movement is not None:
                _tell(books, movement, new_id(), now_s)
        return len(due)

    return work


def forget(*, keys_before_s: float, notices_before_s: float) -> Callable[[sqlite3.Connection], None]:
    """Forget keys first used before a time, and notices that were over before one. Movements are never forgotten."""

    def work(books: sqlite3.Connection) -> None:
        books.execute(
            "DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE first_used_at < ? LIMIT ?)",
            (keys_before_s, FORGOTTEN),
        )
        books.execute(
            "DELETE FROM notices WHERE seq IN (SELECT seq FROM notices WHERE over = 1 AND due_at < ? LIMIT ?)",
            (notices_before_s, FORGOTTEN),
        )

    return work


def of_subject(kind: Literal["charge", "refund"], subject: str) -> Callable[[sqlite3.Connection], Movements]:
    """Return all movements of a client's id: there is more than one where a key was used after its window."""

    def work(books: sqlite3.Connection) -> Movements:
        rows = books.execute(
            f"SELECT {COLUMNS} FROM movements WHERE subject = ? AND kind = ? ORDER BY seq LIMIT ?",
            (subject, kind, PAGE),
        )
        return Movements(movements=[Movement(**row) for row in rows])

    return work


def page(after: int, limit: int) -> Callable[[sqlite3.Connection], Movements]:
    """Return movements after a place in the ledger."""

    def work(books: sqlite3.Connection) -> Movements:
        size = max(1, min(limit, PAGE))
        rows = books.execute(f"SELECT {COLUMNS} FROM movements WHERE seq > ? ORDER BY seq LIMIT ?", (after, size + 1))
        movements = [Movement(**row) for row in rows]
        more = len(movements) > size
        return Movements(movements=movements[:size], next=movements[size - 1].seq if more else None)

    return work


def _by_key(books: sqlite3.Connection, making: Making, fingerprint: str) -> Movement | None:
    row = books.execute("SELECT * FROM keys WHERE key = ?", (making.key,)).fetchone()
    if row is None or row["first_used_at"] + making.key_window_s <= making.now_s:
        return None
    if row["fingerprint"] != fingerprint:
        raise BooksRefused(422, "key_used_for_something_else")
    return _find(books, row["movement"])


def _made(books: sqlite3.Connection, making: Making, fingerprint: str) -> Made:
    books.execute(
        "INSERT OR REPLACE INTO keys (key, fingerprint, movement, first_used_at) VALUES (?, ?, ?, ?)",
        (making.key, fingerprint, making.movement_id, making.now_s),
    )
    movement = _find(books, making.movement_id)
    if movement is None:
        raise AssertionError("A movement that was just written is not there.")
    _tell(books, movement, making.notice_id, making.now_s)
    return Made(movement, new=True)


def _tell(books: sqlite3.Connection, movement: Movement, notice_id: str, now_s: float) -> None:
    notice = Notice(id=notice_id, type=f"{movement.kind}.{movement.state}", at=now_s, movement=movement)
    books.execute("INSERT INTO notices (id, body, due_at) VALUES (?, ?, ?)", (notice_id, _encode(notice), now_s))


def _find(books: sqlite3.Connection, movement_id: str) -> Movement | None:
    row = books.execute(f"SELECT {COLUMNS} FROM movements WHERE id = ?", (movement_id,)).fetchone()
    return Movement(**row) if row is not None else None

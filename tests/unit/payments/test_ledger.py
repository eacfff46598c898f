"""The sandbox's ledger, on books in memory: keys and their window, bounds of refunds, what is settled and forgotten."""

import itertools
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.payments.sandbox import ledger
from comanda.contexts.payments.sandbox.books import SCHEMA, BooksRefused
from comanda.contexts.payments.sandbox.ledger import Making
from comanda.contexts.payments.sandbox.wire import ChargeBody, Movement, RefundBody

NOW_S = 1_750_000_000.0
WINDOW_S = 100.0
_numbers = itertools.count()


def open_books() -> sqlite3.Connection:
    """Return empty books."""
    books = sqlite3.connect(":memory:", isolation_level=None)
    books.row_factory = sqlite3.Row
    books.executescript(SCHEMA)
    return books


@pytest.fixture
def books() -> Iterator[sqlite3.Connection]:
    """Books of the test's own."""
    books = open_books()
    yield books
    books.close()


def making(key: str, *, later_s: float = 0.0) -> Making:
    """Return what a new movement is made with, at a time after `NOW_S`."""
    number = next(_numbers)
    return Making(
        now_s=NOW_S + later_s,
        movement_id=f"m_{number}",
        notice_id=f"evt_{number}",
        key=key,
        key_window_s=WINDOW_S,
    )


def charge(books: sqlite3.Connection, key: str = "k", *, later_s: float = 0.0, method: str = "") -> Movement:
    """Charge 1000 under a key."""
    body = ChargeBody(payment_id=key, amount=1000, currency="EUR", method=method)
    return ledger.charge(body, making(key, later_s=later_s))(books).movement


@given(st.lists(st.floats(0, 1000), max_size=20))
def test_a_key_charges_once_per_window(later: list[float]) -> None:
    """However often and whenever it is used: a charge is made exactly when the window of the last one is over."""
    books = open_books()
    expected, first = 0, None
    for later_s in sorted(later):
        if first is None or later_s >= first + WINDOW_S:
            expected, first = expected + 1, later_s
        charge(books, later_s=later_s)
    assert len(ledger.of_subject("charge", "k")(books).movements) == expected
    books.close()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 1200)), max_size=20))
def test_refunds_stay_within_the_charge(asked: list[tuple[int, int]]) -> None:
    """Whatever is asked, under whatever keys: what went back is what the charge says, and never more than it was."""
    books = open_books()
    charged = charge(books)
    for key, amount in asked:
        body = RefundBody(refund_id=f"r{key}", charge=charged.id, amount=amount)
        try:
            ledger.refund(body, making(f"r{key}"))(books)
        except BooksRefused as refused:
            assert refused.code in {"more_than_was_charged", "key_used_for_something_else"}  # noqa: PT017 - either may be
    movements = ledger.page(0, 1000)(books).movements
    went_back = sum(movement.amount for movement in movements if movement.kind == "refund")
    assert movements[0].refunded == went_back <= 1000
    books.close()


def test_pages_hold_everything_once(books: sqlite3.Connection) -> None:
    """Going through pages of any size lists each movement once, in order."""
    made = [charge(books, f"k{n}").id for n in range(25)]
    for size in (1, 7, 25, 1000):
        listed: list[str] = []
        after: int | None = 0
        while after is not None:
            page = ledger.page(after, size)(books)
            listed += [movement.id for movement in page.movements]
            after = page.next
        assert listed == made


def test_what_settles_later_is_told_twice(books: sqlite3.Connection) -> None:
    """A notice when it is pending, and one when it is decided."""
    assert charge(books, method="pm_sandbox_later_declined").state == "pending"
    assert ledger.settle(NOW_S, lambda: "evt_x")(books) == 0
    assert ledger.settle(NOW_S + ledger.SETTLE_AFTER_S, lambda: "evt_x")(books) == 1
    (movement,) = ledger.of_subject("charge", "k")(books).movements
    assert (movement.state, movement.reason) == ("failed", "card_declined")
    assert books.execute("SELECT count(*) FROM notices").fetchone()[0] == 2


def test_a_refund_that_comes_back_can_be_made_again(books: sqlite3.Connection) -> None:
    """What the bank returned is part of the charge again."""
    charged = charge(books, method="pm_card_refundFail")
    body = RefundBody(refund_id="r", charge=charged.id, amount=1000)
    assert ledger.refund(body, making("r"))(books).movement.state == "succeeded"
    ledger.settle(NOW_S + ledger.SETTLE_AFTER_S, lambda: "evt_x")(books)
    assert ledger.page(0, 1)(books).movements[0].refunded == 0


@pytest.mark.parametrize("method", ["4000000000000002", "pm_sandbox_later"])
def test_only_what_succeeded_is_refunded(books: sqlite3.Connection, method: str) -> None:
    """A declined and a pending charge have nothing to give back; nor has one that is not there."""
    charged = charge(books, method=method)
    for ref, code in ((charged.id, "charge_not_succeeded"), ("ch_no", "no_such_charge")):
        with pytest.raises(BooksRefused, match=code):
            ledger.refund(RefundBody(refund_id="r", charge=ref, amount=1), making("r"))(books)


def test_old_keys_are_forgotten_and_movements_never(books: sqlite3.Connection) -> None:
    """The books do not grow by what no longer matters."""
    charge(books, "old")
    charge(books, "new", later_s=50)
    books.execute("UPDATE notices SET over = 1 WHERE seq = 1")
    ledger.forget(keys_before_s=NOW_S + 10, notices_before_s=NOW_S + 1000)(books)
    assert [row["key"] for row in books.execute("SELECT key FROM keys")] == ["new"]
    assert books.execute("SELECT count(*) FROM notices").fetchone()[0] == 1
    assert len(ledger.page(0, 10)(books).movements) == 2

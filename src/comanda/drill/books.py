"""What stands outside of the system: the provider's ledger and the mail server's log, read from their files.

Nobody of the system is asked: what their processes have written, and would still have after their end, is counted.
"""

import contextlib
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from comanda.drill.errors import DrillError
from comanda.mail.mailbox.server import FILE as MAILBOX_FILE

LEDGER_FILE = "sandbox.sqlite3"
JOURNAL_FILE = "mail-journal.sqlite"

MOVEMENTS = "SELECT id, kind, subject, charge, amount, state, reason, refunded, at FROM movements ORDER BY seq"
MAILS = "SELECT id, message_id, envelope_to, received_at FROM mails ORDER BY id"
JOURNAL = "SELECT phase, answer, at FROM mails WHERE message_id = ?"


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the provider's ledger; `subject` is our payment's or refund's id."""

    id: str
    kind: str
    subject: str
    charge: str | None
    amount: int
    state: str
    reason: str
    refunded: int
    at: datetime


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that the server has accepted: a line of its log."""

    id: int
    message_id: str
    recipients: tuple[str, ...]
    at: datetime


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Both books."""

    movements: tuple[Movement, ...]
    mails: tuple[Mail, ...]


def read_books(data: Path) -> Books:
    """Read the books in a data directory. Raises `DrillError` when one cannot be read."""
    movements = [
        Movement(
            id=row["id"],
            kind=row["kind"],
            subject=row["subject"],
            charge=row["charge"],
            amount=row["amount"],
            state=row["state"],
            reason=row["reason"],
            refunded=row["refunded"],
            at=datetime.fromtimestamp(row["at"], UTC),
        )
        for row in _rows(data / LEDGER_FILE, MOVEMENTS)
    ]
    mails = [
        Mail(
            id=row["id"],
            message_id=row["message_id"],
            recipients=tuple(msgspec.json.decode(row["envelope_to"], type=list[str])),
            at=datetime.fromisoformat(row["received_at"]),
        )
        for row in _rows(data / MAILBOX_FILE, MAILS)
    ]
    return Books(movements=tuple(movements), mails=tuple(mails))


def journalled(data: Path, message_id: str) -> Sequence[tuple[datetime, str]]:
    """Return what the workers' journal says of a mail."""
    return [
        (datetime.fromtimestamp(row["at"], UTC), f"{row['phase']} {row['answer']}".strip())
        for row in _rows(data / JOURNAL_FILE, JOURNAL, message_id)
    ]


def _rows(path: Path, sql: str, *arguments: str) -> Sequence[sqlite3.Row]:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            file.row_factory = sqlite3.Row
            return file.execute(sql, arguments).fetchall()
    except sqlite3.Error as error:
        raise DrillError(f"{path} cannot be read: {error}") from error

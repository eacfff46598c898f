"""What the built-in mailbox has received, read out of its record."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import NamedTuple

from comanda.engine.errors import Unavailable

RECEIPTS = "SELECT message_id, count(*) FROM mails WHERE message_id LIKE '<receipt-%' GROUP BY message_id"


class MailCount(NamedTuple):
    """How many copies of a mail have arrived."""

    message_id: str
    copies: int


async def mail_counts(record: Path | None) -> list[MailCount] | None:
    """Return the receipts that have arrived; None where there is no record on this machine.

    Raises `Unavailable` when the record is there and cannot be read.
    """
    return None if record is None else await asyncio.to_thread(_read, record)


def _read(record: Path) -> list[MailCount] | None:
    if not record.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{record.absolute().as_uri()}?mode=ro", uri=True)) as file:
            return [MailCount(*row) for row in file.execute(RECEIPTS)]
    except sqlite3.Error as error:
        raise Unavailable(f"The mailbox's record {record} cannot be read: {error}") from error

"""What has arrived: every accepted mail, whole, in the order of its arrival.

Nothing is deduplicated and nothing is ever deleted: the record exists so that a second copy of a mail can be seen.
"""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from comanda.engine.clock import Clock
from comanda.mail.mailbox.letter import Letter
from comanda.mail.sqlite_file import SqliteFile

MOST_LISTED = 200
"""Mails on one page of a list."""

MOST_SEARCHED = 200_000
"""The newest mails that a search looks at."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at TEXT NOT NULL,
    envelope_from TEXT NOT NULL,
    envelope_to TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    preview TEXT NOT NULL,
    size INTEGER NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_by_message_id ON mails (message_id);
"""

INSERT = """
INSERT INTO mails (received_at, envelope_from, envelope_to, message_id, sender, recipients, subject, preview, size, raw)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""

COLUMNS = "id, received_at, envelope_from, envelope_to, message_id, sender, recipients, subject, preview, size"

LIST = f"""
SELECT {COLUMNS} FROM mails
WHERE id < ?1 AND id > ?2
AND (?3 = '' OR (id > (SELECT coalesce(max(id), 0) FROM mails) - {MOST_SEARCHED}
    AND (subject || ' ' || sender || ' ' || recipients || ' ' || envelope_to || ' ' || preview || ' ' || message_id)
        LIKE ?3 ESCAPE '\\'))
ORDER BY id DESC LIMIT ?4
"""

BY_MESSAGE_ID = f"""
SELECT {COLUMNS} FROM mails WHERE message_id IN (SELECT value FROM json_each(?1)) ORDER BY id DESC LIMIT ?2
"""

DOUBLES = """
SELECT message_id, count(*) AS copies FROM mails WHERE message_id <> ''
GROUP BY message_id HAVING count(*) > 1 ORDER BY max(id) DESC LIMIT ?1
"""

NO_END = 2**62


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A mail in a list.

    Attributes:
        envelope_to: whom the server that sent it named, in the order of its naming.
        message_id: as the mail says, with its angle brackets; empty when it says none.
        size: octets of the whole mail.
    """

    id: int
    received_at: datetime
    envelope_from: str
    envelope_to: tuple[str, ...]
    message_id: str
    sender: str
    recipients: str
    subject: str
    preview: str
    size: int


class Double(msgspec.Struct, frozen=True, kw_only=True):
    """A Message-ID that has arrived more than once."""

    message_id: str
    copies: int


class Record:
    """The record in one file. A service.

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._file = SqliteFile(path, SCHEMA)
        self._clock = clock

    async def start(self) -> None:
        """Open the file."""
        await self._file.start()

    async def stop(self) -> None:
        """Write what waits, and close the file."""
        await self._file.stop()

    async def keep(self, *, sender: str, recipients: Sequence[str], raw: bytes) -> int:
        """Write a mail down; return its number in the record when it is on the disk."""
        letter = Letter(raw)
        row = (
            self._clock.now().astimezone(UTC).isoformat(),
            sender,
            msgspec.json.encode(list(recipients)).decode(),
            letter.header("Message-ID"),
            letter.header("From"),
            letter.header("To"),
            letter.header("Subject"),
            letter.preview(),
            len(raw),
            raw,
        )
        return await self._file.call(lambda file: int(file.execute(INSERT, row).fetchone()["id"]))

    async def newest(
        self, *, search: str = "", before: int | None = None, after: int = 0, limit: int = 50
    ) -> list[Arrival]:
        """Return arrivals, newest first, whose subject, people, beginning or Message-ID contain `search`."""
        words = search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        arguments = (before or NO_END, after, f"%{words}%" if words else "", min(limit, MOST_LISTED))
        return await self._arrivals(LIST, arguments)

    async def by_message_id(self, message_ids: Sequence[str], *, limit: int = MOST_LISTED) -> list[Arrival]:
        """Return every arrival of these Message-IDs, after all that has been handed to `keep` before is written."""
        return await self._arrivals(BY_MESSAGE_ID, (msgspec.json.encode(list(message_ids)).decode(), limit))

    async def doubles(self, limit: int = 1000) -> list[Double]:
        """Return the Message-IDs that have arrived more than once, latest first."""
        rows = await self._file.call(lambda file: file.execute(DOUBLES, (limit,)).fetchall())
        return [Double(message_id=row["message_id"], copies=row["copies"]) for row in rows]

    async def count(self) -> int:
        """Return how many mails have arrived."""
        return await self._file.call(lambda file: int(file.execute("SELECT count(*) AS n FROM mails").fetchone()["n"]))

    async def one(self, number: int) -> tuple[Arrival, bytes] | None:
        """Return a mail and its octets as they came, or None."""
        sql = f"SELECT {COLUMNS}, raw FROM mails WHERE id = ?"
        row = await self._file.call(lambda file: file.execute(sql, (number,)).fetchone())
        return None if row is None else (_arrival(row), bytes(row["raw"]))

    async def _arrivals(self, sql: str, arguments: tuple[Any, ...]) -> list[Arrival]:
        rows = await self._file.call(lambda file: file.execute(sql, arguments).fetchall())
        return [_arrival(row) for row in rows]


def _arrival(row: sqlite3.Row) -> Arrival:
    return Arrival(
        id=row["id"],
        received_at=datetime.fromisoformat(row["received_at"]),
        envelope_from=row["envelope_from"],
        envelope_to=tuple(msgspec.json.decode(row["envelope_to"], type=list[str])),
        message_id=row["message_id"],
        sender=row["sender"],
        recipients=row["recipients"],
        subject=row["subject"],
        preview=row["preview"],
        size=row["size"],
    )

"""The journal of mails: what was begun, accepted and refused, on this machine's disk.

SMTP has no idempotency key. So before a mail's content goes out, `begin` writes that it is about to, and after the
server's word `end` writes what it said; both return only when the line is on the disk (fsync). When a worker is killed
between the server's 250 and the commit that would have recorded it, its successor on this machine reads here that the
mail went out. `begin` is a test-and-set: of two workers that would send one mail at the same time, one is told no.

It is an SQLite file and not a plain one, because several workers of one machine write it at once, a line torn by a
crash must not count, and a look-up must not read a day's mails. A machine that loses its disk loses its journal; the
`id` of a new one tells a successor that it does not know what the old one knew.
"""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from comanda.engine.clock import Clock
from comanda.engine.ids import Ids
from comanda.mail.sqlite_file import SqliteFile

Phase = Literal["begun", "accepted", "refused"]

KEPT = timedelta(days=30)
"""How long a line is kept; no mail is retried for longer."""

SWEPT_AT_ONCE = 10_000
"""Old lines deleted at a start, at most."""

MOST_ANSWER = 500
"""Characters of a server's answer that are kept."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mails (
    message_id TEXT PRIMARY KEY, phase TEXT NOT NULL, answer TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mails_by_age ON mails (at);
"""

NAME = "INSERT INTO journal SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM journal)"

BEGIN = """
INSERT INTO mails VALUES (?1, 'begun', '', ?2)
ON CONFLICT (message_id) DO UPDATE SET phase = 'begun', answer = '', at = excluded.at
WHERE phase = 'refused' OR (phase = 'begun' AND ?3)
"""

END = "UPDATE mails SET phase = ?2, answer = ?3, at = ?4 WHERE message_id = ?1 AND phase <> 'accepted'"

SWEEP = "DELETE FROM mails WHERE message_id IN (SELECT message_id FROM mails WHERE at < ?1 ORDER BY at LIMIT ?2)"


class Entry(NamedTuple):
    """The last line about a mail; `answer` is the server's words once there are any."""

    phase: Phase
    answer: str


class Journal:
    """The journal in one file. A service; what its calls wrote is durable when they return.

    Args:
        path: the file, on a local disk, shared by all workers of the machine.

    Attributes:
        id: the journal's name, made once for each file; empty before `start`.
    """

    def __init__(self, path: Path, *, clock: Clock, ids: Ids) -> None:
        self.id = ""
        self._file = SqliteFile(path, SCHEMA)
        self._clock = clock
        self._ids = ids

    async def start(self) -> None:
        """Open the file, learn its `id`, and drop lines that are too old to matter."""
        if self.id:
            return
        await self._file.start()
        horizon = (self._clock.now() - KEPT).timestamp()
        made = str(self._ids.new())

        def prepare(file: sqlite3.Connection) -> str:
            file.execute(NAME, (made,))
            file.execute(SWEEP, (horizon, SWEPT_AT_ONCE))
            return str(file.execute("SELECT id FROM journal").fetchone()["id"])

        self.id = await self._file.call(prepare)

    async def stop(self) -> None:
        """Write what waits, and close the file."""
        await self._file.stop()
        self.id = ""

    async def entry(self, message_id: str) -> Entry | None:
        """Return the last line about a mail, or None when there is none."""

        def read(file: sqlite3.Connection) -> Entry | None:
            row = file.execute("SELECT phase, answer FROM mails WHERE message_id = ?", (message_id,)).fetchone()
            return None if row is None else Entry(row["phase"], row["answer"])

        return await self._file.call(read)

    async def begin(self, message_id: str, *, again: bool = False) -> bool:
        """Write that a mail is about to be sent; return False when it has been begun or accepted before.

        Args:
            message_id: names the mail.
            again: begin also what was begun before and never ended: its sender is known to be gone.
        """
        at = self._clock.now().timestamp()
        return await self._file.call(lambda file: file.execute(BEGIN, (message_id, at, again)).rowcount == 1)

    async def end(self, message_id: str, phase: Literal["accepted", "refused"], answer: str) -> None:
        """Write what the server said. What was accepted stays accepted."""
        at = self._clock.now().timestamp()
        await self._file.call(lambda file: file.execute(END, (message_id, phase, answer[:MOST_ANSWER], at)))

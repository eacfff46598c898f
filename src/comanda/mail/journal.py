"""The journal of mails: what was begun, accepted and refused, on this machine's disk.

SMTP has no idempotency key. So before a mail's content goes out, `begin` writes that it is about to, and after the
server's word `end` writes what it said; both return only when the line is on the disk (fsync). When a worker is killed
between the server's 250 and the commit that would have recorded it, its successor on this machine reads here that the
mail went out. `begin` is a test-and-set, and an entry tells whether the worker that began it still lives: of two
workers of this machine that would send one mail at the same time, one does.

It is an SQLite file and not a plain one, because several workers of one machine write it at once, a line torn by a
crash must not count, and a look-up must not read a day's mails. A machine that loses its disk loses its journal; the
`id` of a new one tells a successor that it does not know what the old one knew. A worker that is stopped (SIGSTOP) in
the middle of a commit holds up the others of its machine until it goes on or is killed: they send nothing meanwhile.
"""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import structlog

from comanda.engine.clock import Clock
from comanda.engine.errors import Unavailable
from comanda.engine.ids import Ids
from comanda.mail.sign_of_life import SignOfLife, lives
from comanda.mail.sqlite_file import SqliteFile

log = structlog.get_logger(__name__)

Ending = Literal["accepted", "refused", "lost"]
"""What came of a mail; `lost` is the server's answer, after the content went out."""

Phase = Literal["begun", "accepted", "refused", "lost"]

KEPT = timedelta(days=30)
"""How long a line is kept; no mail is retried for longer."""

SWEPT_AT_ONCE = 10_000
"""Old lines deleted at a start, at most."""

MOST_ANSWER = 500
"""Characters of a server's answer that are kept."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mails (
    message_id TEXT PRIMARY KEY, phase TEXT NOT NULL, answer TEXT NOT NULL, worker TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mails_by_age ON mails (at);
"""

NAME = "INSERT INTO journal SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM journal)"

BEGIN = """
INSERT INTO mails VALUES (:mail, 'begun', '', :worker, :at)
ON CONFLICT (message_id) DO UPDATE SET phase = 'begun', answer = '', worker = excluded.worker, at = excluded.at
WHERE phase IN ('refused', 'lost') OR (phase = 'begun' AND worker = :dead)
"""

END = """
INSERT INTO mails VALUES (:mail, :phase, :answer, :worker, :at)
ON CONFLICT (message_id) DO UPDATE SET phase = excluded.phase, answer = excluded.answer, at = excluded.at
WHERE phase <> 'accepted'
"""

BREAK_OFF = """
UPDATE mails SET phase = :phase, answer = 'broken off', at = :at
WHERE message_id = :mail AND phase = 'begun' AND worker = :worker
"""

SWEEP = "DELETE FROM mails WHERE message_id IN (SELECT message_id FROM mails WHERE at < ?1 ORDER BY at LIMIT ?2)"


class Entry(NamedTuple):
    """The last line about a mail.

    Attributes:
        answer: the server's words, once there are any.
        worker: who wrote `begun`.
        under_way: whether that worker lives and is still at it.
    """

    phase: Phase
    answer: str
    worker: str
    under_way: bool


class Journal:
    """The journal in one file, as one worker writes it. A service; what its calls wrote is durable when they return.

    Args:
        path: the file, on a local disk, shared by all workers of the machine. Beside it is a folder of their signs of
            life.

    Attributes:
        id: the journal's name, made once for each file; empty before `start`.
    """

    def __init__(self, path: Path, *, clock: Clock, ids: Ids) -> None:
        self.id = ""
        self._file = SqliteFile(path, SCHEMA)
        self._life = SignOfLife(path.with_suffix(".workers"), str(ids.new()))
        self._clock = clock
        self._made = str(ids.new())
        self._under_way: set[str] = set()

    async def start(self) -> None:
        """Open the file, learn its `id`, give a sign of life, and drop lines that are too old to matter."""
        if self.id:
            return
        await self._file.start()
        horizon = (self._clock.now() - KEPT).timestamp()

        def prepare(file: sqlite3.Connection) -> str:
            self._life.take()
            file.execute(NAME, (self._made,))
            file.execute(SWEEP, (horizon, SWEPT_AT_ONCE))
            return str(file.execute("SELECT id FROM journal").fetchone()["id"])

        self.id = await self._file.call(prepare)

    async def stop(self) -> None:
        """Write what waits, and close the file."""
        await self._file.stop()
        self._life.give_up()
        self._under_way.clear()
        self.id = ""

    async def entry(self, message_id: str) -> Entry | None:
        """Return the last line about a mail, or None when there is none."""

        def read(file: sqlite3.Connection) -> Entry | None:
            row = file.execute("SELECT phase, answer, worker FROM mails WHERE message_id = ?", (message_id,)).fetchone()
            if row is None:
                return None
            under_way = row["phase"] == "begun" and self._at_it(message_id, row["worker"])
            return Entry(row["phase"], row["answer"], row["worker"], under_way)

        return await self._file.call(read)

    async def begin(self, message_id: str, *, after: Entry | None = None) -> bool:
        """Write that a mail is about to be sent; return False when somebody else has come first.

        Args:
            message_id: names the mail.
            after: the entry that was found before; one that was begun by a worker that is gone is taken over.
        """
        values = {
            "mail": message_id,
            "worker": self._life.name,
            "at": self._clock.now().timestamp(),
            "dead": after.worker if after is not None and not after.under_way else "",
        }
        if message_id in self._under_way:
            return False
        self._under_way.add(message_id)
        begun = False
        try:
            begun = await self._file.call(lambda file: file.execute(BEGIN, values).rowcount == 1)
        except asyncio.CancelledError:
            # The line is on its way all the same.
            await self.break_off(message_id, "refused")
            raise
        finally:
            if not begun:
                self._under_way.discard(message_id)
        return begun

    async def end(self, message_id: str, phase: Ending, answer: str) -> None:
        """Write what came of a mail. What was accepted stays accepted."""
        values = {
            "mail": message_id,
            "phase": phase,
            "answer": answer[:MOST_ANSWER],
            "worker": self._life.name,
            "at": self._clock.now().timestamp(),
        }
        await self._file.call(lambda file: file.execute(END, values))

    async def break_off(self, message_id: str, phase: Ending) -> None:
        """Write that this worker does not see a mail through that it has begun; to be called while being cancelled."""
        values = {
            "mail": message_id,
            "phase": phase,
            "worker": self._life.name,
            "at": self._clock.now().timestamp(),
        }
        try:
            await asyncio.shield(self._file.call(lambda file: file.execute(BREAK_OFF, values)))
        except Unavailable as error:
            log.warning("journal not written", message_id=message_id, phase=phase, reason=str(error))

    def leave(self, message_id: str) -> None:
        """Say that this worker is no longer at a mail, whether or not its end was written."""
        self._under_way.discard(message_id)

    def _at_it(self, message_id: str, worker: str) -> bool:
        if worker == self._life.name:
            return message_id in self._under_way
        return lives(self._life.folder, worker)

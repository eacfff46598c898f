"""The sandbox's durable books: one SQLite file, one writer thread, group commit.

What callers ask for at the same time is done in one transaction, and each gets its result after that transaction is on
the disk (WAL, `synchronous=FULL`): an answer that left this process survives its kill -9. A piece of work either
raises `BooksRefused` before it writes, or writes all.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from comanda.engine.errors import ComandaError

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

GROUP = 256
"""Pieces of work in one transaction, at most."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS movements (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')),
    subject TEXT NOT NULL,
    charge TEXT REFERENCES movements (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('succeeded', 'failed', 'pending')),
    reason TEXT NOT NULL DEFAULT '',
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
    at REAL NOT NULL,
    settle_at REAL,
    settle_reason TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS movements_by_subject ON movements (subject);
CREATE INDEX IF NOT EXISTS movements_to_settle ON movements (settle_at) WHERE settle_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS keys (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, movement TEXT NOT NULL, first_used_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (first_used_at);
CREATE TABLE IF NOT EXISTS notices (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    over INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS notices_due ON notices (due_at) WHERE over = 0;
CREATE INDEX IF NOT EXISTS notices_over ON notices (due_at) WHERE over = 1;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""


class BooksRefused(ComandaError):
    """What was asked is not possible; nothing was written. `status` is the HTTP status, `code` a slug."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Books:
    """The writer thread and its queue. A service."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._asked: queue.SimpleQueue[tuple[Work[Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Open the file, make the tables, start the thread."""
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="sandbox books", daemon=True)
        self._thread.start()
        await opened

    async def stop(self) -> None:
        """Do what was asked, close the file, end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._asked.put(None)
        await asyncio.to_thread(thread.join)

    async def do(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction shared with others; return its result when that is durable."""
        if self._loop is None:
            raise RuntimeError("The books are not open.")
        done: asyncio.Future[Result] = self._loop.create_future()
        self._asked.put((work, done))
        return await done

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.executescript(SCHEMA)
        return connection

    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            connection = self._open()
        except (OSError, sqlite3.Error) as error:
            self._tell([(opened, error, None)])
            return
        self._tell([(opened, None, None)])
        with contextlib.closing(connection):
            open_for_work = True
            while open_for_work:
                first = self._asked.get()
                group = [first]
                with contextlib.suppress(queue.Empty):
                    while len(group) < GROUP:
                        group.append(self._asked.get_nowait())
                open_for_work = None not in group
                self._commit(connection, [asked for asked in group if asked is not None])

    def _commit(self, connection: sqlite3.Connection, group: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        told: list[tuple[asyncio.Future[Any], BaseException | None, Any]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for work, done in group:
                try:
                    told.append((done, None, work(connection)))
                except BooksRefused as refused:
                    told.append((done, refused, None))
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the thread's edge: whoever asked is told, and the thread goes on
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            told = [(done, error, None) for _, done in group]
        self._tell(told)

    def _tell(self, told: list[tuple[asyncio.Future[Any], BaseException | None, Any]]) -> None:
        def tell() -> None:
            for done, error, result in told:
                if done.done():
                    continue
                if error is not None:
                    done.set_exception(error)
                else:
                    done.set_result(result)

        if told and self._loop is not None:
            # The loop may be closed when the process is on its way out.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(tell)

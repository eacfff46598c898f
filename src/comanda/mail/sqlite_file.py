"""A durable SQLite file, written by many callers at once.

Calls that arrive while a commit is under way wait for the next one and share it, and so its fsync. What a call returned
is on the disk. Several processes may have the same file open.
"""

import asyncio
import concurrent.futures
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from comanda.engine.errors import Unavailable

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]

MOST_WAITING = 10_000
"""Calls that may wait for the next commit; the next one gets `Unavailable`."""

MOST_TOGETHER = 500
"""Calls in one commit."""

BUSY_S = 10.0
"""How long to wait for another process's commit."""


class SqliteFile:
    """One SQLite file. A service.

    Args:
        path: on a local disk; its folder is made.
        schema: statements that make the tables where they are not there; run at each start.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._schema = schema
        self._file: sqlite3.Connection | None = None
        self._thread: concurrent.futures.ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the file. Raises `Unavailable` when that cannot be done."""
        if self._thread is not None:
            return
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=self.path.stem)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Commit what waits, and close the file."""
        if self._committing is not None:
            await asyncio.wait({self._committing})
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown()

    async def call(self, work: Work[Result]) -> Result:
        """Run `work` on the connection, in a transaction that it shares with others; return when it is on the disk.

        Raises:
            Unavailable: the file is closed, cannot be written or does not keep up; nothing was written.
        """
        if self._thread is None:
            raise Unavailable(f"{self.path.name} is not open.")
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable(f"{self.path.name} does not keep up.")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, answer))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_waiting(), name=self.path.stem)
        return await answer

    async def _commit_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            works = [work for work, _ in batch]
            try:
                results = await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, works)
            except (sqlite3.Error, OSError) as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(Unavailable(f"{self.path} cannot be written: {error}"))
                continue
            for (_, answer), result in zip(batch, results, strict=True):
                if not answer.done():
                    answer.set_result(result)

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_S)
            self._file.row_factory = sqlite3.Row
            # WAL with synchronous FULL: a commit is one append and one fsync, and readers do not wait for writers.
            self._file.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + self._schema)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"{self.path} cannot be opened: {error}") from error

    def _commit(self, works: list[Work[Any]]) -> list[Any]:
        file = self._file
        if file is None:
            raise sqlite3.ProgrammingError("closed")
        file.execute("BEGIN IMMEDIATE")
        try:
            results = [work(file) for work in works]
            file.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                file.execute("ROLLBACK")
            raise
        return results

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

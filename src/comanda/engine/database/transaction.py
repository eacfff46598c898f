"""One open transaction, as handlers and stores see it.

SQL is written as SQL, with `$1` parameters, and run by asyncpg; SQLAlchemy describes the tables (see
docs/decisions/0002). A `Transaction` is opened by `Database.transaction()` or `Database.run()` and passed to
whatever must be true together; nobody below opens, commits or rolls back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import asyncpg

Record = Mapping[str, Any]
"""A row: its columns by name (and, from asyncpg, by position)."""


class Transaction:
    """An open transaction on one connection."""

    __slots__ = ("_after_commit", "_later", "connection")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], None]] = []
        self._later: list[tuple[str, Sequence[Any]]] = []

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Record]:
        """Run a query and return all its rows."""
        await self.flush()
        rows: Sequence[Record] = await self.connection.fetch(sql, *arguments)
        return rows

    async def fetch_row(self, sql: str, *arguments: Any) -> Record | None:
        """Run a query and return its first row, or None."""
        await self.flush()
        row: Record | None = await self.connection.fetchrow(sql, *arguments)
        return row

    async def fetch_value(self, sql: str, *arguments: Any) -> Any:
        """Run a query and return the first column of its first row, or None."""
        await self.flush()
        return await self.connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> int:
        """Run a statement and return the number of rows it touched."""
        await self.flush()
        status: str = await self.connection.execute(sql, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each of `rows`, in one exchange with the server."""
        await self.flush()
        await self.connection.executemany(sql, rows)

    def execute_later(self, sql: str, *arguments: Any) -> None:
        """Run a statement of whose outcome nothing is asked, before the next one that is awaited or at the end.

        Statements run in the order in which they were given, those with the same text in one exchange with the server:
        a handler called once per event need not wait for the server each time. One that fails raises at that point.
        """
        self._later.append((sql, arguments))

    async def flush(self) -> None:
        """Run what was left for later."""
        if not self._later:
            return
        later, self._later = self._later, []
        for sql, statements in groupby(later, key=itemgetter(0)):
            await self.connection.executemany(sql, [arguments for _, arguments in statements])

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, after this transaction has committed; never when it rolls back.

        For hints that may be lost (a wake-up, an invalidation), not for effects: the process may die in between.
        """
        if callback not in self._after_commit:
            self._after_commit.append(callback)

    def committed(self) -> None:
        """Run what waits for the commit. Called by `Database` alone."""
        callbacks, self._after_commit = self._after_commit, []
        for callback in callbacks:
            callback()

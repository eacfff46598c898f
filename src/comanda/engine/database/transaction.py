"""One open transaction, as handlers and stores see it.

SQL is written as SQL, with `$1` parameters, and run by asyncpg; SQLAlchemy describes the tables (see
docs/decisions/0002). A `Transaction` is opened by `Database.transaction()` or `Database.run()` and passed to
whatever must be true together; nobody below opens, commits or rolls back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import asyncpg

Record = Mapping[str, Any]
"""A row: its columns by name (and, from asyncpg, by position)."""


class Transaction:
    """An open transaction on one connection."""

    __slots__ = ("_after_commit", "connection")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], None]] = []

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Record]:
        """Run a query and return all its rows."""
        rows: Sequence[Record] = await self.connection.fetch(sql, *arguments)
        return rows

    async def fetch_row(self, sql: str, *arguments: Any) -> Record | None:
        """Run a query and return its first row, or None."""
        row: Record | None = await self.connection.fetchrow(sql, *arguments)
        return row

    async def fetch_value(self, sql: str, *arguments: Any) -> Any:
        """Run a query and return the first column of its first row, or None."""
        return await self.connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> int:
        """Run a statement and return the number of rows it touched."""
        status: str = await self.connection.execute(sql, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each of `rows`, in one exchange with the server."""
        await self.connection.executemany(sql, rows)

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

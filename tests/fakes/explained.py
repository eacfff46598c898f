"""A database that asks PostgreSQL how it would run each statement, before it runs it."""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import asyncpg
import msgspec

from comanda.engine.database import Database

EXPLAINED = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)

MANY = 2_000
"""Rows from which on a table is big: reading all of it for one answer is a fault."""

BIG = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.reltuples >= $1 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


class Fault(NamedTuple):
    """A statement that reads a big table from end to end, in its custom plan (for these values) or its generic one."""

    table: str
    plan: str
    sql: str


class ExplainedDatabase(Database):
    """Runs everything that a `Database` runs, and keeps what PostgreSQL said of it.

    Attributes:
        seen: the statements that were explained.
        faults: those that read a big table from end to end.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, max_size=8, name="explained")
        self.seen: list[str] = []
        self.faults: list[Fault] = []
        self._big: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Open the pool and find out which tables are big."""
        await super().start()
        self._big = frozenset(row["relname"] for row in await super().fetch(BIG, MANY))

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Lend a connection that explains first."""
        async with super().connection() as connection:
            yield _Explaining(connection, self)

    async def connect(self) -> Any:
        """Open a connection outside the pool, which explains first as well."""
        return _Explaining(await super().connect(), self)

    async def explain(self, connection: asyncpg.Connection, sql: str, arguments: tuple[Any, ...]) -> None:
        """Keep what is said of a statement; not of `SET`, `NOTIFY` and their like."""
        if not self._big or not EXPLAINED.match(sql):
            return
        self.seen.append(sql)
        for plan in ("custom", "generic"):
            option = "GENERIC_PLAN, " if plan == "generic" else ""
            told = await connection.fetchval(f"EXPLAIN ({option}FORMAT JSON) {sql}", *arguments)
            for table in sorted(set(scanned(msgspec.json.decode(told))) & self._big):
                self.faults.append(Fault(table, plan, " ".join(sql.split())))


class _Explaining:
    """A connection that explains what it runs."""

    def __init__(self, connection: asyncpg.Connection, database: ExplainedDatabase) -> None:
        self._connection = connection
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def fetch(self, sql: str, *arguments: Any, **options: Any) -> Any:
        """As asyncpg's."""
        await self._database.explain(self._connection, sql, arguments)
        return await self._connection.fetch(sql, *arguments, **options)

    async def fetchrow(self, sql: str, *arguments: Any, **options: Any) -> Any:
        """As asyncpg's."""
        await self._database.explain(self._connection, sql, arguments)
        return await self._connection.fetchrow(sql, *arguments, **options)

    async def fetchval(self, sql: str, *arguments: Any, **options: Any) -> Any:
        """As asyncpg's."""
        await self._database.explain(self._connection, sql, arguments)
        return await self._connection.fetchval(sql, *arguments, **options)

    async def execute(self, sql: str, *arguments: Any, **options: Any) -> Any:
        """As asyncpg's."""
        await self._database.explain(self._connection, sql, arguments)
        return await self._connection.execute(sql, *arguments, **options)

    async def executemany(self, sql: str, rows: Any, **options: Any) -> Any:
        """As asyncpg's; the first row stands for all."""
        rows = list(rows)
        if rows:
            await self._database.explain(self._connection, sql, tuple(rows[0]))
        return await self._connection.executemany(sql, rows, **options)


def scanned(plan: object) -> Iterator[str]:
    """Return the tables that a plan (as JSON has it) reads from end to end."""
    if isinstance(plan, list):
        for part in plan:
            yield from scanned(part)
    elif isinstance(plan, dict):
        if "Seq Scan" in str(plan.get("Node Type")):
            yield str(plan["Relation Name"])
        for part in plan.values():
            yield from scanned(part)

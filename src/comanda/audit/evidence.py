"""What an audit looks at: one moment of the database, with the provider's ledger and the mailbox's record beside it.

Both are copied into temporary tables before the moment is fixed. What the database knows is a row before it is a call,
so a charge or a mail that was read has its row in the later moment; what happened after the reading is left out by its
time. The moment itself is a read-only transaction: it has no id, so it holds nobody's horizon (DESIGN, idea 2).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from comanda.audit.mails import MailCount, mail_counts
from comanda.audit.report import Checked, Finding
from comanda.contexts.payments.providers import LedgerEntry, ProviderLedger
from comanda.engine.lanes import Consumer
from comanda.house import House
from comanda.mail.mailbox.server import FILE

MOST_LISTED = 50
"""Findings listed for one invariant; the others are counted."""

PAGE = 1000
"""Lines copied with one statement: each is a transaction of its own, so that none lasts."""

TABLES = """
CREATE TEMP TABLE ledger (
    kind text NOT NULL, ref text NOT NULL, subject uuid, state text NOT NULL, amount bigint NOT NULL,
    currency text NOT NULL, at timestamptz NOT NULL
);
CREATE TEMP TABLE mails (message_id text NOT NULL, copies bigint NOT NULL);
"""

COLUMNS = {
    "ledger": ("kind", "ref", "subject", "state", "amount", "currency", "at"),
    "mails": ("message_id", "copies"),
}

MOMENT = """
SET jit = off;
SET work_mem = '128MB';
ANALYZE ledger;
ANALYZE mails;
"""


class Evidence:
    """One moment of everything.

    Attributes:
        settled_before: what is older should have come to its end.
        read_at: when the ledger and the mailbox were read; what happened later is not in them.
        consumers: of all contexts, with the events they want.
        keys_kept: for how long a key stands for one order.
        has_mails: whether the mailbox's record could be read; without it, nobody can tell what arrived.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        *,
        read_at: datetime,
        age: timedelta,
        keys_kept: timedelta,
        consumers: Sequence[Consumer],
        has_mails: bool,
    ) -> None:
        self._connection = connection
        self.read_at = read_at
        self.settled_before = read_at - age
        self.keys_kept = keys_kept
        self.consumers = consumers
        self.has_mails = has_mails

    def serves(self, consumer: str) -> bool:
        """Whether this house has a consumer of that name."""
        return any(known.name == consumer for known in self.consumers)

    async def count(self, sql: str, *arguments: Any) -> int:
        """Return the one number that a query gives."""
        return int(await self._connection.fetchval(sql, *arguments))

    async def hold(
        self, name: str, says: str, *, of: str, wrong: str, arguments: Sequence[Any] = (), of_all: Sequence[Any] = ()
    ) -> Checked:
        """Look at one invariant.

        Args:
            name: its slug.
            says: what must hold.
            of: a query for how many things are looked at.
            wrong: a query for what breaks it, with the columns `subject` and `message`.
            arguments: of `wrong`.
            of_all: the arguments of `of`.
        """
        checked = await self.count(of, *of_all)
        listed = f"SELECT subject::text, message, count(*) OVER () AS in_all FROM ({wrong}) w LIMIT {MOST_LISTED}"
        rows = await self._connection.fetch(listed, *arguments)
        findings = tuple(Finding(subject=row["subject"] or "", message=row["message"]) for row in rows)
        return Checked(name=name, says=says, checked=checked, wrong=rows[0]["in_all"] if rows else 0, findings=findings)


@asynccontextmanager
async def gathered(house: House, *, age: timedelta) -> AsyncIterator[Evidence]:
    """Read the ledger and the mailbox, then fix the moment. Raises `Unavailable` when the provider does not answer."""
    connection = await house.database.connect()
    try:
        await connection.execute(TABLES)
        read_at = house.clock.now()
        await _copy_ledger(connection, house.provider)
        mails = await mail_counts(_mailbox(house))
        for start in range(0, len(mails or ()), PAGE):
            await _copy(connection, "mails", (mails or [])[start : start + PAGE])
        await connection.execute(MOMENT)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield Evidence(
                connection,
                read_at=read_at,
                age=age,
                keys_kept=house.settings.idempotency_keep,
                consumers=house.consumers,
                has_mails=mails is not None,
            )
    finally:
        await connection.close()


def _mailbox(house: House) -> Path | None:
    return house.settings.data / FILE if house.settings.mail_url.startswith("mailbox:") else None


async def _copy_ledger(connection: asyncpg.Connection, provider: ProviderLedger) -> None:
    page: list[LedgerEntry] = []
    async for entry in provider.ledger():
        page.append(entry)
        if len(page) == PAGE:
            await _copy(connection, "ledger", page)
            page = []
    await _copy(connection, "ledger", page)


async def _copy(connection: asyncpg.Connection, table: str, rows: Sequence[LedgerEntry | MailCount]) -> None:
    columns = COLUMNS[table]
    records = [tuple(getattr(row, column) for column in columns) for row in rows]
    await connection.copy_records_to_table(table, records=records, columns=columns)

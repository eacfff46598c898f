"""The sandbox's own settings, kept in its books: the faults that are on, and where webhooks go."""

import sqlite3
from collections.abc import Callable

import msgspec

from comanda.contexts.payments.sandbox.books import Books
from comanda.contexts.payments.sandbox.wire import Faults, WebhookTarget


class Current:
    """The settings in force."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.faults = Faults()
        self.target: WebhookTarget | None = None

    async def load(self, target: WebhookTarget | None) -> None:
        """Read them from the books; a target that is given replaces the one that was kept."""
        faults = await self._books.do(_read("faults"))
        kept = await self._books.do(_read("target"))
        self.faults = msgspec.json.decode(faults, type=Faults) if faults else Faults()
        self.target = msgspec.json.decode(kept, type=WebhookTarget) if kept else None
        if target is not None:
            await self.set_target(target)

    async def set_faults(self, faults: Faults) -> None:
        """Write down the faults; they hold from now on."""
        await self._books.do(_write("faults", msgspec.json.encode(faults)))
        self.faults = faults

    async def set_target(self, target: WebhookTarget) -> None:
        """Write down where webhooks go from now on."""
        await self._books.do(_write("target", msgspec.json.encode(target)))
        self.target = target


def _read(name: str) -> Callable[[sqlite3.Connection], bytes | None]:
    def work(books: sqlite3.Connection) -> bytes | None:
        row = books.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return row["value"] if row else None

    return work


def _write(name: str, value: bytes) -> Callable[[sqlite3.Connection], object]:
    return lambda books: books.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

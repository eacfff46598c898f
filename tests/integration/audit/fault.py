"""A fault that a test plants."""

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from comanda.audit import Report, audit
from tests.integration.audit.scene import Scene


def order(note: str) -> str:
    """Return SQL for the id of the order with that note."""
    return f"(SELECT id FROM ordering.orders WHERE note = '{note}')"


def payment(note: str) -> str:
    """Return SQL for the id of the payment of the order with that note."""
    return f"(SELECT id FROM payments.payments WHERE order_id = {order(note)})"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault, and what must be found of it.

    Attributes:
        name: what went wrong, in a few words.
        found: the invariant that it breaks.
        also: invariants that it breaks as well, for one fault can show in several places.
        says: a part of the finding's sentence.
        sql: statements for the database; constraints that stand in the way are taken down first.
        books: statements for the provider's books.
        mails: statements for the mailbox's record.
    """

    name: str
    found: str
    says: str
    also: frozenset[str] = frozenset()
    sql: Sequence[str] = ()
    books: Sequence[str] = ()
    mails: Sequence[str] = ()

    async def plant(self, scene: Scene) -> None:
        """Let it happen."""
        await scene.execute(*self.sql)
        for file, statements in (("sandbox.sqlite3", self.books), ("mailbox.sqlite", self.mails)):
            with contextlib.closing(sqlite3.connect(scene.settings.data / file)) as connection, connection:
                for statement in statements:
                    assert connection.execute(statement).rowcount > 0


async def audited(scene: Scene) -> Report:
    """Audit a scene, in which all should be settled."""
    async with scene.house() as house:
        return await audit(house, age=timedelta(0))


async def is_found(scene: Scene, fault: Fault) -> None:
    """Plant a fault and look for it: where it must be found it is, and nothing else is called wrong."""
    await fault.plant(scene)
    report = await audited(scene)
    wrong = {checked.name: checked for checked in report.invariants if checked.wrong}
    assert fault.found in wrong, f"found only {sorted(wrong)}"
    messages = [finding.message for finding in wrong[fault.found].findings]
    assert any(fault.says in message for message in messages), messages
    assert set(wrong) - {fault.found} == fault.also, {name: c.findings for name, c in wrong.items()}
    assert not report.clean

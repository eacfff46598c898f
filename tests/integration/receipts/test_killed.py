"""A worker is killed with -9, or paused, between its claim and its commit; its successor finishes the work."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.mail import from_url
from tests.fakes.full_orders import full_order_paid
from tests.fakes.smtp_server import ScriptedSmtp
from tests.integration.mail.mailbox_process import MailboxProcess
from tests.integration.receipts.doomed_worker import Point

ROOT = Path(__file__).parents[3]
ORDERS = [full_order_paid(number) for number in range(1, 9)]
PATIENCE_S = 60
POINTS: tuple[Point, ...] = ("claimed", "begun", "accepted", "journalled")


async def spawn(*arguments: str) -> asyncio.subprocess.Process:
    """Start a Python process on the project."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment, cwd=ROOT)


async def worker(database_url: str, mail_url: str, disk: Path, point: Point) -> asyncio.subprocess.Process:
    """Start a worker that dies at a point."""
    return await spawn("-m", "tests.integration.receipts.doomed_worker", database_url, mail_url, str(disk), point)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a process that may be dead already, and wait for it."""
    if process.returncode is None:
        process.kill()
    await process.wait()


async def sent(database: Database) -> int:
    """Return how many receipts are sent."""
    count: int = await database.fetch_value("SELECT count(*) FROM receipts.receipts WHERE state = 'sent'")
    return count


async def killed_and_succeeded(database: Database, mail_url: str, disk: Path, point: Point) -> None:
    """Let one worker die at a point, and another finish."""
    log = EventLog(Waker(database))
    await database.run(lambda tx: log.emit_all(tx, ORDERS))
    first = await worker(database.url, mail_url, disk, point)
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await first.wait() == -signal.SIGKILL
    finally:
        await end(first)
    assert await sent(database) < len(ORDERS)
    second = await worker(database.url, mail_url, disk, "none")
    clock = SystemClock()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await sent(database) < len(ORDERS):
                await clock.sleep(0.05)
    finally:
        await end(second)


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[MailboxProcess]:
    """The mailbox, running."""
    mailbox = MailboxProcess(tmp_path / "mailbox")
    await mailbox.start()
    yield mailbox
    await mailbox.kill()


@pytest.mark.slow  # Three Python processes start one after the other.
@pytest.mark.parametrize("point", POINTS)
async def test_with_the_mailbox(database: Database, mailbox: MailboxProcess, tmp_path: Path, point: Point) -> None:
    """Killed at any point, each order has exactly one receipt in the mailbox, and none is in doubt."""
    await killed_and_succeeded(database, mailbox.url, tmp_path, point)
    assert await mailbox.get("/api/doubles") == {"count": len(ORDERS), "doubles": []}
    for message_id in await database.fetch("SELECT message_id FROM receipts.receipts"):
        assert await from_url(mailbox.url).look_up(message_id["message_id"]) == "accepted"
    assert await database.fetch_value("SELECT sum(doubtful) FROM receipts.receipts") == 0


@pytest.mark.slow  # Two Python processes start one after the other.
@pytest.mark.parametrize("point", POINTS)
async def test_with_a_server_that_cannot_be_asked(database: Database, tmp_path: Path, point: Point) -> None:
    """Where the journal knows, each order has one mail; where nobody can know, each double is counted."""
    server = ScriptedSmtp()
    await server.start()
    await killed_and_succeeded(database, f"smtp://127.0.0.1:{server.port}?starttls=no", tmp_path, point)
    await server.stop()
    copies = Counter(line for mail in server.accepted for line in mail.splitlines() if line.startswith(b"Message-ID"))
    doubtful = await database.fetch_value("SELECT sum(doubtful) FROM receipts.receipts")
    assert len(copies) == len(ORDERS)
    extra = sum(copies.values()) - len(ORDERS)
    assert extra <= doubtful
    if point in {"claimed", "journalled"}:
        assert (extra, doubtful) == (0, 0)


@pytest.mark.slow  # The successor waits for the end of a lease, and two Python processes start.
async def test_paused_and_woken_late(database: Database, tmp_path: Path) -> None:
    """A worker that is paused in mid-send loses its lease; it wakes up and sends, and its successor doubles nothing."""
    server = ScriptedSmtp()
    await server.start()
    mail_url = f"smtp://127.0.0.1:{server.port}?starttls=no"
    log = EventLog(Waker(database))
    await database.run(lambda tx: log.emit_all(tx, ORDERS))
    first = await worker(database.url, mail_url, tmp_path, "paused")
    second = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            await until(lambda: psutil.Process(first.pid).status() == psutil.STATUS_STOPPED)
            second = await worker(database.url, mail_url, tmp_path, "none")
            overtaken = "SELECT count(*) FROM receipts.receipts WHERE attempts > 1"
            while not await database.fetch_value(overtaken):
                await SystemClock().sleep(0.05)
        first.send_signal(signal.SIGCONT)
        async with asyncio.timeout(PATIENCE_S):
            while await sent(database) < len(ORDERS):
                await SystemClock().sleep(0.05)
    finally:
        await end(first)
        if second is not None:
            await end(second)
        await server.stop()
    copies = Counter(line for mail in server.accepted for line in mail.splitlines() if line.startswith(b"Message-ID"))
    assert sorted(copies.values()) == [1] * len(ORDERS)
    assert await database.fetch_value("SELECT sum(doubtful) FROM receipts.receipts") == 0


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    while not true():
        await SystemClock().sleep(0.02)

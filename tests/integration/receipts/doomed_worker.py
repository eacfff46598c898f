"""A worker of receipts that kills or pauses itself at a named point: `python -m … DATABASE_URL MAIL_URL DISK POINT`."""

import asyncio
import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import Any, Literal

from comanda.contexts.receipts.consumers import receipts_sent
from comanda.contracts.ordering import OrderPaid
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventCatalogue
from comanda.engine.ids import RandomIds
from comanda.engine.lanes.worker import Worker
from comanda.mail import Accepted, MailMessage, from_url
from comanda.mail.journal import Journal
from tests.integration.receipts.office import Office

Point = Literal["claimed", "begun", "accepted", "journalled", "paused", "none"]


def die() -> None:
    """End as after a kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def doom(office: Office, mailer: Any, point: Point) -> None:
    """Make the worker die when it has come to `point`."""
    pauses = [point] if point == "paused" else []
    send, perform, end = mailer.send, office.receipts.perform, Journal.end

    async def dying_send(message: MailMessage) -> Accepted:
        if point == "begun":
            die()
        if pauses:
            pauses.pop()
            os.kill(os.getpid(), signal.SIGSTOP)
        accepted: Accepted = await send(message)
        if point == "accepted":
            die()
        return accepted

    async def dying_perform(receipt: Any) -> Any:
        if point == "claimed":
            die()
        return await perform(receipt)

    async def dying_end(journal: Journal, *arguments: Any) -> None:
        await end(journal, *arguments)
        if point == "journalled":
            die()

    mailer.send = dying_send
    office.receipts.perform = dying_perform  # type: ignore[method-assign]
    Journal.end = dying_end  # type: ignore[assignment, method-assign]
    office.consumer = receipts_sent(office.receipts)
    if point in {"paused", "journalled"}:
        # One at a time: so that nothing else is under way, whose fate nobody could know, or whose commit is cut in two.
        office.consumer = dataclasses.replace(office.consumer, concurrency=1)


async def work(database_url: str, mail_url: str, disk: Path, point: Point) -> None:
    """Run the lane until somebody ends it, or until the point."""
    clock, ids = SystemClock(), RandomIds()
    database = Database(database_url, clock=clock, ids=ids)
    await database.start()
    mailer = from_url(mail_url)
    office = Office(database, disk, mailer)
    doom(office, mailer, point)
    worker = Worker(
        database,
        EventCatalogue([OrderPaid]),
        [office.consumer],
        clock=clock,
        ids=ids,
        lease_s=2.0,
        look_s=0.1,
        poll_s=0.1,
    )
    await worker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))  # type: ignore[arg-type]

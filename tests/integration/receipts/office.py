"""The context of receipts around a scripted mail server, driven by hand as a lane would."""

from pathlib import Path

from comanda.contexts.receipts.consumers import receipts_sent
from comanda.contexts.receipts.rendering import ReceiptRenderer
from comanda.contexts.receipts.service import Receipts
from comanda.contexts.receipts.store import ReceiptStatus
from comanda.contracts.ordering import OrderPaid
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.errors import RetryLater
from comanda.engine.events import EventLog, Waker
from comanda.engine.files import LocalFileStore
from comanda.engine.ids import RandomIds
from comanda.mail import Courier, Journal, MailAddress, Mailer, Policy
from comanda.mail.smtp import SmtpMailer, SmtpServer

SENDER = MailAddress("orders@comanda.example", "Comanda")


class Office:
    """Receipts as one worker has them.

    Args:
        disk: the folder of the machine that the worker runs on; two offices with one disk are on one machine.
    """

    def __init__(self, database: Database, disk: Path, mailer: Mailer, *, policy: Policy = "at_least_once") -> None:
        clock, ids = SystemClock(), RandomIds()
        self.database = database
        self.files = LocalFileStore(disk / "files", clock=clock)
        self.courier = Courier(mailer, Journal(disk / "mail-journal.sqlite", clock=clock, ids=ids), policy=policy)
        self.receipts = Receipts(
            database=database,
            events=EventLog(Waker(database)),
            courier=self.courier,
            files=self.files,
            renderer=ReceiptRenderer("https://eat.example"),
            sender=SENDER,
            clock=clock,
            ids=ids,
        )
        self.consumer = receipts_sent(self.receipts)

    async def work(self, event: OrderPaid) -> bool:
        """Claim, perform and conclude once; return whether there was anything to do. Raises what perform raises."""
        work = await self.database.run(lambda tx: self.receipts.claim(tx, event))
        if work is None:
            return False
        outcome = await self.receipts.perform(work)
        await self.database.run(lambda tx: self.receipts.conclude(tx, work, outcome))
        return True

    async def work_until_done(self, event: OrderPaid, *, most: int = 10) -> int:
        """Do the work as often as it asks to be done; return how often that was."""
        for tries in range(1, most + 1):
            try:
                await self.work(event)
            except RetryLater:
                continue
            return tries
        raise AssertionError(f"not done after {most} tries")

    async def status(self, event: OrderPaid) -> ReceiptStatus:
        """Return what became of the receipt."""
        status = await self.receipts.of_order(event.order_id)
        assert status is not None
        return status


def smtp_mailer(port: int) -> SmtpMailer:
    """Return a mailer of little patience to a scripted server."""
    return SmtpMailer(SmtpServer(host="127.0.0.1", port=port, tls="none", timeout_s=1, content_timeout_s=0.3))

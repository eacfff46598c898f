"""Receipts, as one value for `app.py`."""

from comanda.contexts.receipts.consumers import receipts_sent
from comanda.contexts.receipts.erasure import erasure
from comanda.contexts.receipts.model import Base
from comanda.contexts.receipts.rendering import ReceiptRenderer
from comanda.contexts.receipts.service import Receipts
from comanda.contracts.module import Module
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.files import FileStore
from comanda.engine.ids import Ids
from comanda.mail import Courier, MailAddress


def build(
    *,
    database: Database,
    events: EventLog,
    clock: Clock,
    ids: Ids,
    courier: Courier,
    files: FileStore,
    public_url: str,
    sender: str,
) -> Module:
    """Build the context of receipts.

    The courier opens its journal and its connections with the first receipt; whoever runs the module's consumers
    stops the courier in the end. It is built so:
    `Courier(from_url(mail_url), Journal(data_dir / "mail-journal.sqlite", clock=clock, ids=ids))`.

    `courier` is a mailer with this machine's journal; its policy is how receipts treat what nobody knows. `public_url`
    is where guests reach us. `sender` is from whom receipts are, `orders@example.com` or
    `Comanda <orders@example.com>`; another text raises `SettingError`.
    """
    receipts = Receipts(
        database=database,
        events=events,
        courier=courier,
        files=files,
        renderer=ReceiptRenderer(public_url),
        sender=MailAddress.parse(sender),
        clock=clock,
        ids=ids,
    )
    return Module(name="receipts", consumers=[receipts_sent(receipts), erasure(files)], tables=Base.metadata)

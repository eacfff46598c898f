"""What receipts show: that one was sent."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from comanda.engine.events import Event


class ReceiptSent(Event, frozen=True, kw_only=True):
    """The mail server has accepted the receipt of an order."""

    name: ClassVar[str] = "receipts.ReceiptSent"
    key_field: ClassVar[str] = "order_id"

    order_id: UUID
    receipt_id: UUID
    message_id: str
    sent_at: datetime


EVENTS: tuple[type[Event], ...] = (ReceiptSent,)

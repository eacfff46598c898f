"""What payments show: what the provider has said of a charge or a refund."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from comanda.engine.events import Event


class PaymentEvent(Event, frozen=True, kw_only=True):
    """The root of the payment's facts: keyed by order, so that they stay in order with the order's."""

    key_field: ClassVar[str] = "order_id"

    order_id: UUID
    payment_id: UUID


class PaymentCaptured(PaymentEvent, frozen=True, kw_only=True):
    """The provider says that the charge succeeded."""

    name: ClassVar[str] = "payments.PaymentCaptured"
    amount: int
    currency: str
    captured_at: datetime


class PaymentFailed(PaymentEvent, frozen=True, kw_only=True):
    """The provider says that the charge failed and will not succeed."""

    name: ClassVar[str] = "payments.PaymentFailed"
    reason: str


class PaymentRefunded(PaymentEvent, frozen=True, kw_only=True):
    """The provider says that money went back. `refunded_in_all` is the sum of all refunds of the payment so far."""

    name: ClassVar[str] = "payments.PaymentRefunded"
    refund_id: UUID
    amount: int
    refunded_in_all: int
    captured: int
    currency: str


class RefundFailed(PaymentEvent, frozen=True, kw_only=True):
    """No money went back under this refund, and none will; somebody has to look. `reason` is a slug or a sentence."""

    name: ClassVar[str] = "payments.RefundFailed"
    refund_id: UUID
    amount: int
    reason: str


class RefundDue(PaymentEvent, frozen=True, kw_only=True):
    """Payments' own: a refund stands as a row, its amount is set aside, and it can be sent to the provider."""

    name: ClassVar[str] = "payments.RefundDue"
    refund_id: UUID


EVENTS: tuple[type[Event], ...] = (PaymentCaptured, PaymentFailed, PaymentRefunded, RefundFailed, RefundDue)

"""The tables of payments, in the schema `payments`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, MetaData, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The metadata of payments."""

    metadata = MetaData(schema="payments")
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        int: BigInteger,
        str: Text,
        datetime: DateTime(timezone=True),
    }


class PaymentRow(Base):
    """What one order costs, and what the provider has said of it. `id` is the provider's idempotency key.

    `refunding` is on its way back, `refunded` went back. `check_at` is when reconciliation looks at an open payment.
    `order_ended`: whatever is captured, now or later, is to be given back. `trace` is the trace context in which it was
    asked for: a provider's webhook brings none, and what it tells belongs there.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("order_id", name="payments_one_per_order"),
        UniqueConstraint("provider", "provider_ref", name="payments_one_per_charge"),
        CheckConstraint(
            "state IN ('pending', 'sending', 'captured', 'failed', 'uncertain', 'void')", name="payments_state_known"
        ),
        CheckConstraint("amount >= 0", name="payments_amount_not_negative"),
        CheckConstraint(
            "captured = CASE state WHEN 'captured' THEN amount ELSE 0 END", name="payments_captured_whole_or_not"
        ),
        CheckConstraint("refunded >= 0 AND refunding >= 0", name="payments_refunds_not_negative"),
        CheckConstraint("refunded + refunding <= captured", name="payments_refunds_within_captured"),
        CheckConstraint("(state = 'captured') = (captured_at IS NOT NULL)", name="payments_captured_has_time"),
        CheckConstraint("state NOT IN ('sending', 'uncertain') OR attempts > 0", name="payments_sent_is_counted"),
        CheckConstraint("(attempts > 0) = (first_sent_at IS NOT NULL)", name="payments_sent_has_time"),
        CheckConstraint("char_length(currency) = 3", name="payments_currency_iso"),
        Index("payments_open", "check_at", postgresql_where=text("state IN ('sending', 'uncertain')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(info={"refers_to": "ordering.orders.id"})
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    amount: Mapped[int]
    currency: Mapped[str]
    method: Mapped[str]
    state: Mapped[str]
    provider: Mapped[str]
    provider_ref: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    first_sent_at: Mapped[datetime | None]
    check_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    captured: Mapped[int] = mapped_column(server_default=text("0"))
    captured_at: Mapped[datetime | None]
    refunded: Mapped[int] = mapped_column(server_default=text("0"))
    refunding: Mapped[int] = mapped_column(server_default=text("0"))
    order_ended: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    trace: Mapped[str | None]


class RefundRow(Base):
    """Money that is to go back. `id` is the provider's idempotency key, and names the intent that asked for it.

    `cause` is `asked` (staff) or `ended` (the order ended; at most one per payment). `failure` says why it failed.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="refunds_amount_positive"),
        CheckConstraint(
            "state IN ('waiting', 'due', 'sending', 'uncertain', 'succeeded', 'failed')", name="refunds_state_known"
        ),
        CheckConstraint("cause IN ('asked', 'ended')", name="refunds_cause_known"),
        CheckConstraint("(attempts > 0) = (first_sent_at IS NOT NULL)", name="refunds_sent_has_time"),
        UniqueConstraint("provider_ref", name="refunds_one_per_reference"),
        Index("refunds_by_payment", "payment_id"),
        Index("refunds_one_per_end", "payment_id", unique=True, postgresql_where=text("cause = 'ended'")),
        Index("refunds_open", "check_at", postgresql_where=text("state IN ('sending', 'uncertain')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.payments.id", name="refunds_of_payment"))
    amount: Mapped[int]
    cause: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    failure: Mapped[str] = mapped_column(server_default=text("''"))
    provider_ref: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    first_sent_at: Mapped[datetime | None]
    check_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    trace: Mapped[str | None]


class WebhookRow(Base):
    """A provider's event that took effect, written in the transaction of that effect: the second delivery finds it."""

    __tablename__ = "webhooks_received"
    __table_args__ = (Index("webhooks_received_by_age", "received_at"),)

    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[UUID]
    effect: Mapped[str]
    received_at: Mapped[datetime]

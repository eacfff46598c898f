"""The tables of receipts, in the schema `receipts`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Integer, MetaData, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from comanda.contexts.receipts.states import SENDING, SENT, STATES, UNCERTAIN

MOMENT = DateTime(timezone=True)


class Base(DeclarativeBase):
    """The metadata of receipts."""

    metadata = MetaData(schema="receipts")


class Receipt(Base):
    """The receipt of a paid order; one per order. A row with a state before it is a mail.

    Attributes:
        message_id: the mail's Message-ID, made of the row's id: the same at every try.
        document: the order as it was paid.
        html_file, text_file: names in the file store, once they are written.
        attempts: how often the mail was about to be sent.
        claimed_in: the journals of the machines that were about to send it; see `comanda.mail.courier`.
        doubtful: how often it was sent again without knowing whether it had been accepted before.
        answer: the mail server's last words.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("order_id", name="receipts_one_per_order"),
        UniqueConstraint("message_id", name="receipts_message_id_unique"),
        CheckConstraint(
            "state IN ({})".format(", ".join(f"'{state}'" for state in STATES)), name="receipts_state_known"
        ),
        CheckConstraint(f"(state = '{SENT}') = (sent_at IS NOT NULL)", name="receipts_sent_has_time"),
        CheckConstraint(f"state <> '{SENT}' OR html_file IS NOT NULL", name="receipts_sent_has_file"),
        CheckConstraint("attempts >= 1", name="receipts_attempts_positive"),
        CheckConstraint("doubtful >= 0 AND doubtful < attempts", name="receipts_doubtful_within_attempts"),
        Index("receipts_open", "claimed_at", postgresql_where=text(f"state IN ('{SENDING}', '{UNCERTAIN}')")),
        Index("receipts_by_restaurant", "restaurant_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(info={"refers_to": "ordering.orders.id"})
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    order_number: Mapped[int] = mapped_column(BigInteger)
    recipient: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text(f"'{SENDING}'"))
    document: Mapped[dict[str, object]] = mapped_column(JSONB)
    html_file: Mapped[str | None] = mapped_column(Text)
    text_file: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    claimed_in: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    doubtful: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    answer: Mapped[str] = mapped_column(Text, server_default=text("''"))
    paid_at: Mapped[datetime] = mapped_column(MOMENT)
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    claimed_at: Mapped[datetime] = mapped_column(MOMENT)
    sent_at: Mapped[datetime | None] = mapped_column(MOMENT)

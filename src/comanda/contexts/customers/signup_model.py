"""The table of sign-ups: who has asked for news, and has still to confirm it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from comanda.contexts.customers.model import MOMENT, Base


class Signup(Base):
    """Somebody has asked for a restaurant's news; they are a customer once they have confirmed it from their mailbox.

    `hour` is that of the asking since 1970: an address gets one mail in each, whoever asks how often.
    """

    __tablename__ = "signups"
    __table_args__ = (
        UniqueConstraint("restaurant_id", "email", "hour", name="signups_one_an_hour"),
        CheckConstraint("state IN ('asked', 'mailed', 'failed', 'confirmed')", name="signups_state_known"),
        Index("signups_by_time", "asked_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    hour: Mapped[int] = mapped_column(Integer)
    asked_at: Mapped[datetime] = mapped_column(MOMENT)
    asked_from: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'asked'"))
    claimed_in: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    answer: Mapped[str] = mapped_column(Text, server_default=text("''"))
    confirmed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    confirmed_from: Mapped[str | None] = mapped_column(Text)

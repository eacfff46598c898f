"""The tables of campaigns, in the schema `campaigns`: people, audiences, campaigns.

The ledger's tables are in `ledger_model.py`, those of what comes back in `feedback_model.py`.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from comanda.contexts.campaigns.states import STATES

MOMENT = DateTime(timezone=True)

_STATE_LIST = ", ".join(f"'{state}'" for state in STATES)


class Base(DeclarativeBase):
    """Campaigns' metadata."""

    metadata = MetaData(schema="campaigns")


class Person(Base):
    """Somebody whom a campaign may reach: what audiences ask about, kept up to date by events of other contexts.

    `id` is the customer's; `version` is that of the customer's row as it was read last. `zone` is their time zone,
    empty for their restaurant's. Counts and sums are of paid orders; `spent` is in minor units, less what was refunded.
    """

    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint("email <> '' AND domain <> ''", name="people_address_there"),
        CheckConstraint("orders >= 0 AND deliveries >= 0 AND pickups >= 0 AND dine_ins >= 0", name="people_counts"),
        Index("people_in_sending_order", "restaurant_id", "zone", "domain", "id"),
        Index("people_by_last_order", "restaurant_id", "last_order_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "customers.customers.id"})
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    email: Mapped[str] = mapped_column(Text)
    domain: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(Text, server_default=text("''"))
    consent_at: Mapped[datetime | None] = mapped_column(MOMENT)
    consent_source: Mapped[str | None] = mapped_column(Text)
    unsubscribed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    orders: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    spent: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    first_order_at: Mapped[datetime | None] = mapped_column(MOMENT)
    last_order_at: Mapped[datetime | None] = mapped_column(MOMENT)
    deliveries: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    pickups: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    dine_ins: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    attributes: Mapped[dict[str, object]] = mapped_column(JSONB, server_default=text("'{}'"))
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class PersonOrder(Base):
    """A paid order of a person; its key is why it is counted once. Amounts in minor units."""

    __tablename__ = "people_orders"
    __table_args__ = (Index("people_orders_by_person", "customer_id", "placed_at"),)

    order_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "ordering.orders.id"})
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("campaigns.people.id", name="people_orders_of_person", ondelete="CASCADE")
    )
    placed_at: Mapped[datetime] = mapped_column(MOMENT)
    fulfilment: Mapped[str] = mapped_column(Text)
    total: Mapped[int] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class EarlyRefund(Base):
    """What was refunded of an order of which nobody has said yet that it is paid; it is taken off when that comes."""

    __tablename__ = "early_refunds"

    order_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "ordering.orders.id"})
    refunded: Mapped[int] = mapped_column(BigInteger)


class Audience(Base):
    """Conditions that a restaurant has given a name."""

    __tablename__ = "audiences"
    __table_args__ = (
        UniqueConstraint("restaurant_id", "name", name="audiences_one_per_name"),
        CheckConstraint("name <> ''", name="audiences_named"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    name: Mapped[str] = mapped_column(Text)
    conditions: Mapped[dict[str, object]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    updated_at: Mapped[datetime] = mapped_column(MOMENT)


class Campaign(Base):
    """A mail to an audience.

    Attributes:
        number: what mails and tokens carry, and the ledger's key.
        epoch: grows with each pause, resumption and cancellation, so that work begun before it ends by itself.
        document: what is written, see `document.py`; `conditions` are the audience's, copied when it starts.
        sends_at: when it starts; None is at once. `by_zone`: at that local time in each recipient's zone.
        split: the A/B test, or None: {"share": permille, "by": "opens" | "clicks", "after_s"}; `winner` its outcome.
        recipients: how many the ledger holds; 0 until frozen.
        frozen_after: where the freezing goes on: {"wave", "zone", "domain", "id"}; None before and after.
        version: grows with each edit, so that two people at once do not overwrite one another.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("number", name="campaigns_one_per_number"),
        CheckConstraint(f"state IN ({_STATE_LIST})", name="campaigns_state_known"),
        CheckConstraint("policy IN ('at_most_once', 'at_least_once')", name="campaigns_policy_known"),
        CheckConstraint("recipients >= 0", name="campaigns_recipients_not_negative"),
        Index("campaigns_by_restaurant", "restaurant_id", "number"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, Identity(always=True))
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'draft'"))
    epoch: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    policy: Mapped[str] = mapped_column(Text, server_default=text("'at_most_once'"))
    audience_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("campaigns.audiences.id", name="campaigns_to_audience", ondelete="SET NULL")
    )
    conditions: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    document: Mapped[dict[str, object]] = mapped_column(JSONB)
    sends_at: Mapped[datetime | None] = mapped_column(MOMENT)
    by_zone: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    split: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    winner: Mapped[int | None] = mapped_column(SmallInteger)
    recipients: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    frozen_after: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    updated_at: Mapped[datetime] = mapped_column(MOMENT)
    started_at: Mapped[datetime | None] = mapped_column(MOMENT)
    finished_at: Mapped[datetime | None] = mapped_column(MOMENT)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))

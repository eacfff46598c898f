"""The tables of ordering, in the schema `ordering`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from comanda.contexts.ordering.states import STATUSES
from comanda.engine.periods import TimePartitions

FIRST_NUMBER = 1001
"""The first order's number: four digits look like an order, one digit like a mistake."""

MOMENT = DateTime(timezone=True)


class Base(DeclarativeBase):
    """Ordering's metadata."""

    metadata = MetaData(schema="ordering")


NUMBERS = Sequence("order_numbers", start=FIRST_NUMBER, data_type=BigInteger, metadata=Base.metadata, schema="ordering")
"""Order numbers rise and may skip; none is given twice."""


PARTITIONED = (
    TimePartitions(table="ordering.order_lines", column="order_id", kind="uuid7", period="month", ahead=2),
    TimePartitions(table="ordering.attempts", column="at", kind="timestamp", period="month", ahead=2),
)
"""The tables that are cut by time; an order's id, a UUIDv7, tells the month of its lines."""


class Order(Base):
    """What one guest ordered once.

    `(restaurant_id, form_hash, copy)` is unique: the same form is the same order, unless the guest has said "yes,
    again", and then `copy` counts. For this to hold for all time the table is whole: a unique constraint cannot reach
    over partitions of dates. What grows faster, the lines and the attempts, is cut by month.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("restaurant_id", "form_hash", "copy", name="orders_one_per_form"),
        UniqueConstraint("restaurant_id", "number", name="orders_number"),
        CheckConstraint(f"status IN ({', '.join(repr(s) for s in STATUSES)})", name="orders_status_known"),
        CheckConstraint("copy >= 1", name="orders_copy_positive"),
        CheckConstraint("length(form_hash) = 16", name="orders_form_hash_whole"),
        CheckConstraint(
            "items >= 0 AND discount >= 0 AND discount <= items AND tax >= 0 AND tax_added >= 0 AND fee >= 0 "
            "AND tip >= 0",
            name="orders_amounts_not_negative",
        ),
        CheckConstraint("total = items - discount + tax_added + fee + tip", name="orders_amounts_add_up"),
        CheckConstraint("refunded >= 0 AND refunded <= total", name="orders_refunded_within_total"),
        Index("orders_by_time", "restaurant_id", "placed_at"),
        Index("orders_by_customer", "restaurant_id", "customer_id", "placed_at"),
        Index("orders_unpaid", "placed_at", postgresql_where=text("status = 'placed'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    number: Mapped[int] = mapped_column(BigInteger)
    form_hash: Mapped[bytes] = mapped_column(LargeBinary)
    copy: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    customer_id: Mapped[UUID] = mapped_column(info={"refers_to": "customers.customers.id"})
    guest: Mapped[object] = mapped_column(JSONB)
    fulfilment: Mapped[object] = mapped_column(JSONB)
    fulfilment_type: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(MOMENT)
    currency: Mapped[str] = mapped_column(Text)
    items: Mapped[int] = mapped_column(BigInteger)
    discount: Mapped[int] = mapped_column(BigInteger)
    tax: Mapped[int] = mapped_column(BigInteger)
    tax_added: Mapped[int] = mapped_column(BigInteger)
    fee: Mapped[int] = mapped_column(BigInteger)
    tip: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    coupon: Mapped[str | None] = mapped_column(Text)
    menu_version: Mapped[int] = mapped_column(Integer)
    note: Mapped[str] = mapped_column(Text)
    payment_method: Mapped[str] = mapped_column(Text)
    idempotency_scope: Mapped[UUID] = mapped_column(info={"refers_to": "engine.idempotency_keys.scope"})
    idempotency_key: Mapped[str] = mapped_column(Text, info={"refers_to": "engine.idempotency_keys.key"})
    placed_at: Mapped[datetime] = mapped_column(MOMENT)
    paid_at: Mapped[datetime | None] = mapped_column(MOMENT)
    attributes: Mapped[object] = mapped_column(JSONB, server_default=text("'{}'"))


class Line(Base):
    """A line with the name and the prices that the guest saw."""

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="order_lines_quantity_positive"),
        CheckConstraint("unit_price >= 0 AND total = unit_price * quantity", name="order_lines_total_adds_up"),
        {"postgresql_partition_by": "RANGE (order_id)"},
    )

    order_id: Mapped[UUID] = mapped_column(
        ForeignKey("ordering.orders.id", name="order_lines_of_order", ondelete="CASCADE"), primary_key=True
    )
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    item_id: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    options: Mapped[object] = mapped_column(JSONB)
    note: Mapped[str] = mapped_column(Text)


class Attempt(Base):
    """A request that asked for an order, and what came of it. Only ever added to: the first half of *proof of once*."""

    __tablename__ = "attempts"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('placed', 'replayed', 'asked', 'key_reused', 'refused')", name="attempts_outcome_known"
        ),
        Index("attempts_by_order", "order_id", postgresql_where=text("order_id IS NOT NULL")),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT, primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    order_id: Mapped[UUID | None] = mapped_column(info={"refers_to": "ordering.orders.id"})
    outcome: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text, server_default=text("''"))
    key: Mapped[str] = mapped_column(Text)
    caller: Mapped[str] = mapped_column(Text)


class TimelineEntry(Base):
    """Something that happened to an order, told once however often the news arrives."""

    __tablename__ = "timeline"

    order_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "ordering.orders.id"})
    what: Mapped[str] = mapped_column(Text, primary_key=True)
    reference: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(MOMENT)
    detail: Mapped[object] = mapped_column(JSONB, server_default=text("'{}'"))


class Refund(Base):
    """A refund that staff asked for; what came of it is payments' to say."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="refunds_amount_positive"),
        CheckConstraint("state IN ('requested', 'done')", name="refunds_state_known"),
        Index("refunds_by_order", "order_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(info={"refers_to": "ordering.orders.id"})
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    amount: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'requested'"))
    requested_by: Mapped[UUID] = mapped_column(info={"refers_to": "staff.accounts.id"})
    requested_at: Mapped[datetime] = mapped_column(MOMENT)

"""The tables of customers, in the schema `customers`."""

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
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MOMENT = DateTime(timezone=True)


class Base(DeclarativeBase):
    """Customers' metadata."""

    metadata = MetaData(schema="customers")


class Customer(Base):
    """A guest who has paid for an order, signed up for news, or whom a restaurant has imported.

    The id follows from restaurant and e-mail; see `contracts.customers.customer_id`. `version` grows with each change,
    so that whoever keeps a copy knows the newer of two. `imported_at` is when the last import that has this customer
    was begun: the moment is the import's own, and tells a line that is in the file twice from a customer of before.
    """

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("restaurant_id", "email", name="customers_one_per_email"),
        CheckConstraint("email <> ''", name="customers_email_there"),
        CheckConstraint("orders >= 0", name="customers_orders_not_negative"),
        CheckConstraint("first_order_at <= last_order_at", name="customers_first_before_last"),
        Index("customers_by_last_order", "restaurant_id", "last_order_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    orders: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    first_order_at: Mapped[datetime | None] = mapped_column(MOMENT)
    last_order_at: Mapped[datetime | None] = mapped_column(MOMENT)
    marketing_consent_at: Mapped[datetime | None] = mapped_column(MOMENT)
    marketing_consent_source: Mapped[str | None] = mapped_column(Text)
    unsubscribed_at: Mapped[datetime | None] = mapped_column(MOMENT)
    attributes: Mapped[dict[str, object]] = mapped_column(JSONB, server_default=text("'{}'"))
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    timezone: Mapped[str] = mapped_column(Text, server_default=text("''"))
    imported_at: Mapped[datetime | None] = mapped_column(MOMENT)


class CustomerOrder(Base):
    """An order that was counted into its customer's history; its key is why it is counted once."""

    __tablename__ = "customer_orders"
    __table_args__ = (Index("customer_orders_by_customer", "customer_id", "placed_at"),)

    order_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "ordering.orders.id"})
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customers.customers.id", name="customer_orders_of_customer", ondelete="CASCADE")
    )
    number: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[datetime] = mapped_column(MOMENT)


class CustomerAddress(Base):
    """Where a customer had something delivered. `fingerprint` is the address without case and white space."""

    __tablename__ = "addresses"
    __table_args__ = (UniqueConstraint("customer_id", "fingerprint", name="addresses_one_per_place"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("customers.customers.id", name="addresses_of_customer", ondelete="CASCADE")
    )
    fingerprint: Mapped[str] = mapped_column(Text)
    street: Mapped[str] = mapped_column(Text)
    city: Mapped[str] = mapped_column(Text)
    postcode: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    last_used_at: Mapped[datetime] = mapped_column(MOMENT)


class Consent(Base):
    """That a customer was asked for consent to campaigns, gave it or withdrew it. Rows are added and never changed.

    There is no foreign key: the proof that somebody has consented, or no longer does, outlives the customer's row.
    """

    __tablename__ = "consents"
    __table_args__ = (
        CheckConstraint("what IN ('asked', 'given', 'withdrawn')", name="consents_what_known"),
        Index("consents_by_customer", "customer_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(info={"refers_to": "customers.customers.id"})
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    at: Mapped[datetime] = mapped_column(MOMENT)
    what: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text, server_default=text("''"))


class Import(Base):
    """A file of customers, and how far it was read: `offset_bytes` and `line` are where the next chunk begins.

    The cursor moves in the transaction that writes a chunk, so that no line is lost or counted twice.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(
            "state IN ('waiting', 'running', 'finished', 'failed', 'cancelled')", name="imports_state_known"
        ),
        CheckConstraint("offset_bytes >= 0 AND line >= 1", name="imports_place_there"),
        Index("imports_by_restaurant", "restaurant_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    name: Mapped[str] = mapped_column(Text)
    file_key: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mapping: Mapped[dict[str, object]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    offset_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    line: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    counts: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    problem: Mapped[str] = mapped_column(Text, server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(MOMENT)
    updated_at: Mapped[datetime] = mapped_column(MOMENT)
    finished_at: Mapped[datetime | None] = mapped_column(MOMENT)


class ImportProblem(Base):
    """A line that was left out of an import, or a value in it; the first so many are kept, all are counted."""

    __tablename__ = "import_problems"

    import_id: Mapped[UUID] = mapped_column(
        ForeignKey("customers.imports.id", name="import_problems_of_import", ondelete="CASCADE"), primary_key=True
    )
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    column: Mapped[str] = mapped_column(Text, primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    excerpt: Mapped[str] = mapped_column(Text)

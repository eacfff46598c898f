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
    """A guest who has paid for an order, was imported or signed up. The id follows from restaurant and e-mail.

    `version` grows with each change, for those who keep a copy; `timezone` is empty for the restaurant's.
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
    timezone: Mapped[str] = mapped_column(Text, server_default=text("''"))
    imported_at: Mapped[datetime | None] = mapped_column(MOMENT)
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))


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

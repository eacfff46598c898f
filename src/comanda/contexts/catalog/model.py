"""The catalog's tables, in the schema `catalog`.

A published menu version is immutable: a trigger of the database refuses to change or delete it, whoever asks.
Reserved stock and slots stay within their limits by CHECK, whatever the program believes.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Text,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OFTEN_UPDATED = {"fillfactor": 50}
"""Room in each page for new versions of its rows, so that counting up touches no index (heap-only tuples)."""


class Base(DeclarativeBase):
    """The catalog's metadata."""

    metadata = MetaData(schema="catalog")


class RestaurantRow(Base):
    """A restaurant. `revision` rises with every change to it, to its published menu, or to what is sold out."""

    __tablename__ = "restaurants"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name="restaurants_slug_wellformed"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="restaurants_currency_wellformed"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="restaurants_country_wellformed"),
        CheckConstraint("revision > 0", name="restaurants_revision_positive"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="restaurants_name_length"),
        ForeignKeyConstraint(
            ["id", "published_version"],
            ["catalog.menu_versions.restaurant_id", "catalog.menu_versions.version"],
            name="restaurants_published_version_exists",
            use_alter=True,
        ),
        Index("restaurants_by_name", "name", "slug", postgresql_where=text("published_version IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    country: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    trading: Mapped[object] = mapped_column(JSONB, server_default=text("'{}'"))
    attributes: Mapped[object] = mapped_column(JSONB, server_default=text("'{}'"))
    attributes_schema: Mapped[object] = mapped_column(JSONB, server_default=text("'{}'"))
    published_version: Mapped[int | None] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class MenuVersion(Base):
    """A menu document: at most one draft per restaurant, and published versions that never change."""

    __tablename__ = "menu_versions"
    __table_args__ = (
        CheckConstraint("version > 0", name="menu_versions_version_positive"),
        CheckConstraint("state IN ('draft', 'published')", name="menu_versions_state_known"),
        CheckConstraint(
            "(state = 'published') = (published_at IS NOT NULL)", name="menu_versions_published_has_its_time"
        ),
        Index("menu_versions_one_draft", "restaurant_id", unique=True, postgresql_where=text("state = 'draft'")),
    )

    restaurant_id: Mapped[UUID] = mapped_column(
        ForeignKey("catalog.restaurants.id", name="menu_versions_restaurant_exists"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[object] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text, server_default=text("'draft'"))
    edits: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    edited_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SoldOut(Base):
    """An item or option that cannot be had now."""

    __tablename__ = "sold_out"

    restaurant_id: Mapped[UUID] = mapped_column(
        ForeignKey("catalog.restaurants.id", name="sold_out_restaurant_exists"), primary_key=True
    )
    thing_id: Mapped[str] = mapped_column(Text, primary_key=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class DailyStock(Base):
    """How much of an item's stock of one day is reserved. The row is made by the first order of the day."""

    __tablename__ = "daily_stock"
    __table_args__ = (
        CheckConstraint("reserved BETWEEN 0 AND stock", name="daily_stock_within_stock"),
        {"postgresql_with": OFTEN_UPDATED},
    )

    restaurant_id: Mapped[UUID] = mapped_column(
        ForeignKey("catalog.restaurants.id", name="daily_stock_restaurant_exists"), primary_key=True
    )
    item_id: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    stock: Mapped[int] = mapped_column(Integer)
    reserved: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class KitchenSlot(Base):
    """How many orders are due in a stretch of the kitchen's time. The row is made by the slot's first order."""

    __tablename__ = "kitchen_slots"
    __table_args__ = (
        CheckConstraint("reserved BETWEEN 0 AND capacity", name="kitchen_slots_within_capacity"),
        {"postgresql_with": OFTEN_UPDATED},
    )

    restaurant_id: Mapped[UUID] = mapped_column(
        ForeignKey("catalog.restaurants.id", name="kitchen_slots_restaurant_exists"), primary_key=True
    )
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    capacity: Mapped[int] = mapped_column(Integer)
    reserved: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Reservation(Base):
    """What an order holds of stock (`thing` is the item) or of a slot (`thing` is empty). Deleted when given back."""

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="reservations_quantity_positive"),
        CheckConstraint(
            "(kind = 'stock' AND day IS NOT NULL AND starts_at IS NULL AND thing <> '')"
            " OR (kind = 'slot' AND day IS NULL AND starts_at IS NOT NULL AND thing = '' AND quantity = 1)",
            name="reservations_kind_has_its_columns",
        ),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "ordering.orders.id"})
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    thing: Mapped[str] = mapped_column(Text, primary_key=True, server_default=text("''"))
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    day: Mapped[date | None] = mapped_column(Date)
    starts_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    quantity: Mapped[int] = mapped_column(Integer)


REFUSE_CHANGES_FUNCTION = """
CREATE OR REPLACE FUNCTION catalog.refuse_change_of_published_menu() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'menu version % of restaurant % is published and never changes', OLD.version, OLD.restaurant_id
        USING ERRCODE = 'restrict_violation';
END
$$
"""

REFUSE_CHANGES_TRIGGER = """
CREATE OR REPLACE TRIGGER published_menus_never_change
BEFORE UPDATE OR DELETE ON catalog.menu_versions
FOR EACH ROW WHEN (OLD.state = 'published')
EXECUTE FUNCTION catalog.refuse_change_of_published_menu()
"""

for _statement in (REFUSE_CHANGES_FUNCTION, REFUSE_CHANGES_TRIGGER):
    event.listen(
        MenuVersion.__table__,
        "after_create",
        DDL(_statement.replace("%", "%%")),  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it
    )

"""The tables of promotions, in the schema `promotions`.

A coupon's counters stay within its limits by CHECK. An order redeems one coupon at most: its id is the primary key.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OFTEN_UPDATED = {"fillfactor": 50}
"""Room in each page for new versions of its rows, so that counting up touches no index (heap-only tuples)."""


class Base(DeclarativeBase):
    """The metadata of promotions."""

    metadata = MetaData(schema="promotions")


class CouponRow(Base):
    """A coupon. `redeemed` counts what is reserved or confirmed where the coupon has a limit, and is 0 where not.

    Whether a coupon has limits is decided when it is made: one without is redeemed with no lock on its row at all.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        UniqueConstraint("restaurant_id", "code", name="coupons_code_once_per_restaurant"),
        CheckConstraint("code = upper(code) AND code !~ '\\s' AND code <> ''", name="coupons_code_folded"),
        CheckConstraint("kind IN ('percentage', 'amount', 'free_item')", name="coupons_kind_known"),
        CheckConstraint("(kind = 'free_item') = (item_id IS NOT NULL)", name="coupons_free_item_names_it"),
        CheckConstraint("value >= 0 AND (kind <> 'percentage' OR value <= 10000)", name="coupons_value_in_range"),
        CheckConstraint("minimum >= 0", name="coupons_minimum_not_negative"),
        CheckConstraint("starts_at < ends_at", name="coupons_start_before_end"),
        CheckConstraint("guest_limit > 0", name="coupons_guest_limit_positive"),
        CheckConstraint(
            "redeemed >= 0 AND (total_limit IS NULL OR redeemed <= total_limit)", name="coupons_within_total_limit"
        ),
        {"postgresql_with": OFTEN_UPDATED},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    item_id: Mapped[str | None] = mapped_column(Text)
    minimum: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    starts_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    total_limit: Mapped[int | None] = mapped_column(Integer)
    guest_limit: Mapped[int | None] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    redeemed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class GuestCount(Base):
    """How often a guest has redeemed a coupon that has a limit per guest. Guarded by the lock of the coupon's row."""

    __tablename__ = "guest_counts"
    __table_args__ = (CheckConstraint("redeemed BETWEEN 0 AND guest_limit", name="guest_counts_within_limit"),)

    coupon_id: Mapped[UUID] = mapped_column(
        ForeignKey("promotions.coupons.id", name="guest_counts_coupon_exists"), primary_key=True
    )
    customer_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "customers.customers.id"})
    guest_limit: Mapped[int] = mapped_column(Integer)
    redeemed: Mapped[int] = mapped_column(Integer)


class Redemption(Base):
    """That an order by a guest uses a coupon: reserved with the order, confirmed when it is paid, or released."""

    __tablename__ = "redemptions"
    __table_args__ = (
        CheckConstraint("discount >= 0", name="redemptions_discount_not_negative"),
        CheckConstraint("state IN ('reserved', 'confirmed', 'released')", name="redemptions_state_known"),
        Index("redemptions_by_coupon", "coupon_id", "order_id"),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "ordering.orders.id"})
    coupon_id: Mapped[UUID] = mapped_column(ForeignKey("promotions.coupons.id", name="redemptions_coupon_exists"))
    customer_id: Mapped[UUID] = mapped_column(info={"refers_to": "customers.customers.id"})
    discount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text, server_default=text("'reserved'"))
    reserved_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class Offer(Base):
    """What each recipient's own coupon of a campaign gives. A coupon's row is made when its code is first asked for."""

    __tablename__ = "offers"
    __table_args__ = (CheckConstraint("kind IN ('percentage', 'amount', 'free_item')", name="offers_kind_known"),)

    campaign: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    item_id: Mapped[str | None] = mapped_column(Text)
    minimum: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    ends_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

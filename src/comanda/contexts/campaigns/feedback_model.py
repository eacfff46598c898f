"""The tables of what comes back: who must not be mailed, bounces, opens, clicks, orders credited."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from comanda.contexts.campaigns.model import MOMENT, Base


class Suppression(Base):
    """Somebody who gets no campaign of this restaurant any more. Looked at when a chunk is claimed.

    The customer's id follows from restaurant and address and from nothing else, so that this outlives an erasure
    without naming anybody.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        CheckConstraint(
            "why IN ('unsubscribed', 'bounced', 'complained', 'erased', 'by_hand')", name="suppressions_why_known"
        ),
        Index("suppressions_by_restaurant", "restaurant_id", "at"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "customers.customers.id"})
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    why: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(MOMENT)
    campaign: Mapped[int | None] = mapped_column(Integer)


class SoftBounce(Base):
    """How often in a row mails to somebody came back for a reason that may pass."""

    __tablename__ = "soft_bounces"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "customers.customers.id"})
    times: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(MOMENT)
    last_campaign: Mapped[int] = mapped_column(Integer)


class Link(Base):
    """An address that a campaign's mails lead to, by its number in them."""

    __tablename__ = "links"

    campaign: Mapped[int] = mapped_column(
        ForeignKey("campaigns.campaigns.number", name="links_of_campaign"), primary_key=True
    )
    link: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    url: Mapped[str] = mapped_column(Text)


class Opening(Base):
    """That a recipient's mail was opened; `robots` counts what looks like a machine, and is not in `times`."""

    __tablename__ = "openings"

    campaign: Mapped[int] = mapped_column(Integer, primary_key=True)
    recipient: Mapped[int] = mapped_column(Integer, primary_key=True)
    first_at: Mapped[datetime] = mapped_column(MOMENT)
    times: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    robots: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Click(Base):
    """That a recipient went to one of the links; `robots` as for openings."""

    __tablename__ = "clicks"

    campaign: Mapped[int] = mapped_column(Integer, primary_key=True)
    recipient: Mapped[int] = mapped_column(Integer, primary_key=True)
    link: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    first_at: Mapped[datetime] = mapped_column(MOMENT)
    last_at: Mapped[datetime] = mapped_column(MOMENT)
    times: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    robots: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Credit(Base):
    """A paid order that a campaign brought: by its coupon, or by a click in the days before. Amounts in minor units."""

    __tablename__ = "credits"
    __table_args__ = (
        CheckConstraint("why IN ('coupon', 'click')", name="credits_why_known"),
        Index("credits_by_campaign", "campaign"),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "ordering.orders.id"})
    campaign: Mapped[int] = mapped_column(Integer)
    recipient: Mapped[int] = mapped_column(Integer)
    why: Mapped[str] = mapped_column(Text)
    total: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    refunded: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    placed_at: Mapped[datetime] = mapped_column(MOMENT)

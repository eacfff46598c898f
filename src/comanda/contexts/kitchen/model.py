"""The tables of the kitchen, in the schema `kitchen`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Integer, MetaData, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from comanda.contexts.kitchen.states import CLOSED, STATUSES

MOMENT = DateTime(timezone=True)


def _list(statuses: tuple[str, ...]) -> str:
    return ", ".join(f"'{status}'" for status in statuses)


class Base(DeclarativeBase):
    """The kitchen's metadata."""

    metadata = MetaData(schema="kitchen")


class Ticket(Base):
    """A paid order on the kitchen's board; one per order. `version` rises with each move."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("order_id", name="tickets_one_per_order"),
        CheckConstraint(f"status IN ({_list(STATUSES)})", name="tickets_status_known"),
        CheckConstraint("fulfilment IN ('pickup', 'delivery', 'dine_in')", name="tickets_fulfilment_known"),
        CheckConstraint("status <> 'on_its_way' OR fulfilment = 'delivery'", name="tickets_on_its_way_is_delivery"),
        CheckConstraint("version >= 1", name="tickets_version_positive"),
        Index(
            "tickets_open",
            "restaurant_id",
            "due_at",
            postgresql_where=text(f"status NOT IN ({_list(CLOSED)})"),
        ),
        Index("tickets_closed", "restaurant_id", "moved_at", postgresql_where=text(f"status IN ({_list(CLOSED)})")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(info={"refers_to": "ordering.orders.id"})
    restaurant_id: Mapped[UUID] = mapped_column(info={"refers_to": "catalog.restaurants.id"})
    number: Mapped[int] = mapped_column(BigInteger)
    fulfilment: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"))
    document: Mapped[dict[str, object]] = mapped_column(JSONB)
    due_at: Mapped[datetime] = mapped_column(MOMENT)
    opened_at: Mapped[datetime] = mapped_column(MOMENT)
    moved_at: Mapped[datetime] = mapped_column(MOMENT)
    moved_by: Mapped[UUID | None] = mapped_column(info={"refers_to": "staff.accounts.id"})

"""The tables of the engine, in the schema `engine`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from comanda.engine.periods import TimePartitions


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in SQL."""
        return "xid8"


POSITION = "greatest(pg_current_xact_id(), pg_snapshot_xmax(pg_current_snapshot()))"
"""An event's position, taken as its row is inserted. Both halves are needed: see docs/decisions/0004."""


class Base(DeclarativeBase):
    """The engine's own metadata; contexts have theirs."""

    metadata = MetaData(schema="engine")


PARTITIONED = (TimePartitions(table="engine.events", column="at", kind="timestamp", period="day", ahead=7),)
"""The engine's tables that are cut by time."""


class EventRow(Base):
    """A fact in the log. Partitioned by day, so that old days can be archived and dropped whole."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_by_position", "shard", "position", "id"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()"), primary_key=True
    )
    position: Mapped[int] = mapped_column(Xid8, server_default=text(POSITION))
    shard: Mapped[int] = mapped_column(SmallInteger)
    version: Mapped[int] = mapped_column(SmallInteger)
    name: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    payload: Mapped[object] = mapped_column(JSON)


class Cursor(Base):
    """How far a consumer has come in one shard, and who may move it: cursor and lease are one row."""

    __tablename__ = "cursors"
    __table_args__ = (CheckConstraint("epoch >= 0", name="cursors_epoch_not_negative"),)

    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    position: Mapped[int] = mapped_column(Xid8, server_default=text("'0'"))
    id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    owner: Mapped[int | None] = mapped_column(BigInteger, info={"refers_to": "engine.workers.id"})
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Worker(Base):
    """A worker that has said hello. Whether it lives is told by the advisory lock it holds, not by this row."""

    __tablename__ = "workers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int] = mapped_column(BigInteger)
    lanes: Mapped[list[str]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class Parked(Base):
    """An event that failed for one consumer and waits for its next try, or is a dead letter."""

    __tablename__ = "parked"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'dead')", name="parked_state_known"),
        Index("parked_due", "consumer", "shard", "next_at", postgresql_where=text("state = 'waiting'")),
        Index("parked_by_key", "consumer", "shard", "key"),
    )

    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, info={"refers_to": "engine.events.id"})
    shard: Mapped[int] = mapped_column(SmallInteger)
    position: Mapped[int] = mapped_column(Xid8)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(SmallInteger)
    name: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    payload: Mapped[object] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(Text)
    parked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    next_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PeriodicWork(Base):
    """When a periodic work is next due, and until when somebody is at it."""

    __tablename__ = "periodic"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    next_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    busy_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class IdempotencyKey(Base):
    """A key whose request was decided, and the answer that was given, byte for byte."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_by_age", "created_at"),)

    scope: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    location: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

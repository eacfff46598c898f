"""The tables of the engine, in the schema `engine`."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Double,
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
    trace: Mapped[str | None] = mapped_column(Text)


class Cursor(Base):
    """How far a consumer has come in one shard, and who may move it: cursor and lease are one row.

    A consumer that a carrier brings its events has a second row for each shard, under its name, an `@` and the
    carrier's: it says who may move the first, and in `place` where that is at the carrier (Kafka's offset).
    """

    __tablename__ = "cursors"
    __table_args__ = (CheckConstraint("epoch >= 0", name="cursors_epoch_not_negative"),)

    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    position: Mapped[int] = mapped_column(Xid8, server_default=text("'0'"))
    id: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    owner: Mapped[int | None] = mapped_column(BigInteger, info={"refers_to": "engine.workers.id"})
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    place: Mapped[str | None] = mapped_column(Text)


class Worker(Base):
    """A worker that has said hello. It lives while it holds its advisory lock and renews its leases in time."""

    __tablename__ = "workers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int] = mapped_column(BigInteger)
    lanes: Mapped[list[str]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    alive_until: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class Parked(Base):
    """An event that failed for one consumer and waits for its next try, or is a dead letter."""

    __tablename__ = "parked"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'dead')", name="parked_state_known"),
        Index("parked_due", "consumer", "shard", "next_at", postgresql_where=text("state = 'waiting'")),
        Index("parked_by_key", "consumer", "shard", "key"),
        Index("parked_dead", "consumer", "parked_at", postgresql_where=text("state = 'dead'")),
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
    trace: Mapped[str | None] = mapped_column(Text)


class LaneSetting(Base):
    """What holds for a lane in every worker: into how many shards it is cut, and whether it is paused."""

    __tablename__ = "lanes"
    __table_args__ = (CheckConstraint("shards IN (1, 2, 4, 8, 16)", name="lanes_shards_divide_the_logs"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    shards: Mapped[int] = mapped_column(SmallInteger)
    paused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Timer(Base):
    """An event that is to be logged at a time."""

    __tablename__ = "timers"
    __table_args__ = (Index("timers_due", "due_at", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    shard: Mapped[int] = mapped_column(SmallInteger)
    version: Mapped[int] = mapped_column(SmallInteger)
    name: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    payload: Mapped[object] = mapped_column(JSON)
    trace: Mapped[str | None] = mapped_column(Text)


class RateBucket(Base):
    """What is left of a rate, for all workers together; `factor` is what a provider's "slow down" has left of it.

    From `idle_at` on the row says no more than a missing one, and may go.
    """

    __tablename__ = "rates"
    __table_args__ = (CheckConstraint("factor > 0 AND factor <= 1", name="rates_factor_is_a_share"),)

    lane: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    tokens: Mapped[float] = mapped_column(Double)
    filled_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    factor: Mapped[float] = mapped_column(Double, server_default=text("1"))
    slowed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    promised_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    idle_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Inbox(Base):
    """Events that a consumer has handled which came by a carrier without positions, or that a worker has claimed."""

    __tablename__ = "inbox"
    __table_args__ = (
        CheckConstraint("(claimed_by IS NULL) = (claimed_until IS NULL)", name="inbox_claim_is_whole"),
        Index("inbox_by_age", "at"),
    )

    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, info={"refers_to": "engine.events.id"})
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    claimed_by: Mapped[str | None] = mapped_column(Text)
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LaneMinute(Base):
    """What a lane did in a minute, in all workers together."""

    __tablename__ = "lane_minutes"

    lane: Mapped[str] = mapped_column(Text, primary_key=True)
    minute: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    handled: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    failed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    dead: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    busy_s: Mapped[float] = mapped_column(Double, server_default=text("0"))


class Archive(Base):
    """A day of the log that was archived, dropped, or both."""

    __tablename__ = "archives"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    file: Mapped[str | None] = mapped_column(Text)
    events: Mapped[int] = mapped_column(BigInteger)
    dropped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


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

"""The ledger's tables: one row per recipient, how they are cut into streams, and who is sending to whom right now."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from comanda.contexts.campaigns.model import MOMENT, Base


class LedgerEntry(Base):
    """A recipient of a campaign. Compact, for there are millions: states and variants are numbers (`states.Delivery`).

    Cut by campaign number, a hundred to a partition; a partition is made when the first of its campaigns is frozen. A
    part of each page is left free, and no index has the state, so that a change of state writes one new version of the
    row into the same page and touches no index.

    `accepted` is how often the mail server is known to have taken this recipient's mail: nobody should be above 1, and
    whoever is was mailed twice.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("campaign", "customer_id", name="deliveries_one_per_customer"),
        CheckConstraint("state BETWEEN 0 AND 6", name="deliveries_state_known"),
        {"postgresql_partition_by": "RANGE (campaign)"},
    )

    campaign: Mapped[int] = mapped_column(Integer, primary_key=True)
    recipient: Mapped[int] = mapped_column(Integer, primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(info={"refers_to": "campaigns.people.id"})
    variant: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    state: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    accepted: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class Stream(Base):
    """A run of recipients that are sent to one chunk after the other; streams go side by side.

    Attributes:
        wave: 0, or 1 for those who wait for the winner of an A/B test.
        zone: the recipients' time zone, empty for the restaurant's.
        domain: of all their addresses, or empty where they are of several.
        first, last: its recipients; `next` is the first that no chunk has taken yet.
        open: how many of them are pending or being sent to; kept by whoever changes a state, so that nobody counts.

    While a campaign is being frozen, its rows here are the runs as they were found, page by page.
    """

    __tablename__ = "streams"
    __table_args__ = (
        CheckConstraint("first <= last AND next BETWEEN first AND last + 1", name="streams_in_range"),
        CheckConstraint("open BETWEEN 0 AND last - first + 1", name="streams_open_in_range"),
    )

    campaign: Mapped[int] = mapped_column(
        ForeignKey("campaigns.campaigns.number", name="streams_of_campaign"), primary_key=True
    )
    stream: Mapped[int] = mapped_column(Integer, primary_key=True)
    wave: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    zone: Mapped[str] = mapped_column(Text, server_default=text("''"))
    domain: Mapped[str] = mapped_column(Text, server_default=text("''"))
    first: Mapped[int] = mapped_column(Integer)
    last: Mapped[int] = mapped_column(Integer)
    next: Mapped[int] = mapped_column(Integer)
    open: Mapped[int] = mapped_column(Integer)


class Claim(Base):
    """Recipients to whom a process is sending right now, and the journal that will know what became of it.

    Deleted by whoever settles it: the process itself, or after its death another of the same machine by the journal.
    `lost_at` is when its machine was given up: its mails are uncertain since, and the row stays for the machine's
    return, when its journal may still tell.
    """

    __tablename__ = "claims"
    __table_args__ = (
        CheckConstraint("cardinality(recipients) > 0", name="claims_not_empty"),
        Index("claims_by_machine", "machine"),
        Index("claims_by_campaign", "campaign"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign: Mapped[int] = mapped_column(ForeignKey("campaigns.campaigns.number", name="claims_of_campaign"))
    stream: Mapped[int] = mapped_column(Integer)
    epoch: Mapped[int] = mapped_column(Integer)
    machine: Mapped[str] = mapped_column(Text)
    journal: Mapped[str] = mapped_column(Text)
    recipients: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    claimed_at: Mapped[datetime] = mapped_column(MOMENT)
    lost_at: Mapped[datetime | None] = mapped_column(MOMENT)


class Machine(Base):
    """A machine that sends campaigns, and when one of its processes was heard of last."""

    __tablename__ = "machines"

    machine: Mapped[str] = mapped_column(Text, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(MOMENT)


class SlowedDomain(Base):
    """A domain without a limit of its own whose server asked us to slow down: it has one until then."""

    __tablename__ = "slowed_domains"

    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(MOMENT)


class Failure(Base):
    """What went wrong with one recipient: a refusal, a wait, a bounce, an answer that was lost."""

    __tablename__ = "failures"
    __table_args__ = (Index("failures_by_recipient", "campaign", "recipient"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    campaign: Mapped[int] = mapped_column(Integer)
    recipient: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(MOMENT)
    kind: Mapped[str] = mapped_column(Text)
    code: Mapped[int | None] = mapped_column(SmallInteger)
    enhanced: Mapped[str | None] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)


class Minute(Base):
    """How many mails went which way in one minute, by the recipients' domain: the chart of a running campaign.

    The domain is empty for all those that are too small to be shown by themselves.
    """

    __tablename__ = "minutes"

    campaign: Mapped[int] = mapped_column(Integer, primary_key=True)
    minute: Mapped[datetime] = mapped_column(MOMENT, primary_key=True)
    domain: Mapped[str] = mapped_column(Text, primary_key=True)
    sent: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    deferred: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    failed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    suppressed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    uncertain: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Sender(Base):
    """From whom a restaurant's campaigns are, and how fast they may go.

    `warm_up` is {"began": date, "first": mails on the first day, "growth": factor per day}, or None; `per_s` a limit of
    this sender's own; `quiet` is {"from": "21:00", "until": "08:00"} in the recipient's zone, or None.
    """

    __tablename__ = "senders"

    restaurant_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "catalog.restaurants.id"})
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    reply_to: Mapped[str] = mapped_column(Text, server_default=text("''"))
    per_s: Mapped[int | None] = mapped_column(Integer)
    warm_up: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    quiet: Mapped[dict[str, object] | None] = mapped_column(JSONB)


class SenderDay(Base):
    """How many mails a sender has claimed on one day, for its warm-up."""

    __tablename__ = "sender_days"

    restaurant_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "catalog.restaurants.id"})
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    claimed: Mapped[int] = mapped_column(Integer, server_default=text("0"))

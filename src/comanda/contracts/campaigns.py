"""What campaigns show: how a campaign moves on, what came back from its mails, and the coupons it gives away."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from comanda.engine.events import Event


class CampaignEvent(Event, frozen=True, kw_only=True):
    """The root of a campaign's facts, keyed by its number."""

    key_field: ClassVar[str] = "campaign"

    campaign: int


class CampaignMoved(CampaignEvent, frozen=True, kw_only=True):
    """The campaign is in another state."""

    name: ClassVar[str] = "campaigns.CampaignMoved"
    restaurant_id: UUID
    state: Literal["draft", "scheduled", "freezing", "sending", "paused", "finished", "cancelled"]


class StartDue(CampaignEvent, frozen=True, kw_only=True):
    """Campaigns' own: the hour has come for which a campaign was scheduled, under this epoch."""

    name: ClassVar[str] = "campaigns.StartDue"
    epoch: int


class FreezeDue(CampaignEvent, frozen=True, kw_only=True):
    """Campaigns' own: the next page of recipients is to be written into the ledger. `page` counts them."""

    name: ClassVar[str] = "campaigns.FreezeDue"
    epoch: int
    page: int


class WinnerDue(CampaignEvent, frozen=True, kw_only=True):
    """Campaigns' own: the A/B test has run its time, and those who wait for its outcome can be mailed."""

    name: ClassVar[str] = "campaigns.WinnerDue"
    epoch: int


class ChunkDue(Event, frozen=True, kw_only=True):
    """Campaigns' own: the next recipients of a stream are to be mailed, or those that are named.

    Attributes:
        lane: `campaign:stream`, the key.
        recipients: who is to be tried again; where empty, the next ones of the stream.
    """

    name: ClassVar[str] = "campaigns.ChunkDue"
    key_field: ClassVar[str] = "lane"

    lane: str
    campaign: int
    stream: int
    epoch: int
    recipients: tuple[int, ...] = ()


class FeedbackEvent(Event, frozen=True, kw_only=True):
    """The root of what comes back from one mail; keyed by campaign and recipient."""

    key_field: ClassVar[str] = "mail"

    mail: str
    campaign: int
    recipient: int
    at: datetime


class MailReturned(FeedbackEvent, frozen=True, kw_only=True):
    """A mail came back, or somebody complained about it."""

    name: ClassVar[str] = "campaigns.MailReturned"
    kind: Literal["hard", "soft", "complaint"]
    status: str = ""
    words: str = ""


class MailOpened(FeedbackEvent, frozen=True, kw_only=True):
    """A mail's picture was loaded; `robot` where it looks like a machine's doing."""

    name: ClassVar[str] = "campaigns.MailOpened"
    robot: bool = False


class LinkClicked(FeedbackEvent, frozen=True, kw_only=True):
    """A link of a mail was followed."""

    name: ClassVar[str] = "campaigns.LinkClicked"
    link: int
    robot: bool = False


class Unsubscribed(Event, frozen=True, kw_only=True):
    """A customer wants no more campaigns: they said so, their address is dead, or they complained."""

    name: ClassVar[str] = "campaigns.Unsubscribed"
    key_field: ClassVar[str] = "customer_id"

    customer_id: UUID
    restaurant_id: UUID
    why: Literal["unsubscribed", "bounced", "complained", "by_hand"]
    at: datetime
    campaign: int | None = None


class Resubscribed(Event, frozen=True, kw_only=True):
    """A customer has taken back that they want no campaigns, on the page that their mail led to."""

    name: ClassVar[str] = "campaigns.Resubscribed"
    key_field: ClassVar[str] = "customer_id"

    customer_id: UUID
    restaurant_id: UUID
    at: datetime
    campaign: int | None = None


class CouponTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What each recipient's own coupon gives; fields as in `promotions.Coupon`."""

    kind: Literal["percentage", "amount", "free_item"]
    value: int = 0
    item_id: str | None = None
    minimum: int = 0
    ends_at: datetime | None = None


class CouponsOffered(CampaignEvent, frozen=True, kw_only=True):
    """Each recipient of a campaign has a coupon of these terms, under a code that only we can make."""

    name: ClassVar[str] = "campaigns.CouponsOffered"
    restaurant_id: UUID
    terms: CouponTerms


EVENTS: tuple[type[Event], ...] = (
    CampaignMoved,
    StartDue,
    FreezeDue,
    WinnerDue,
    ChunkDue,
    MailReturned,
    MailOpened,
    LinkClicked,
    Unsubscribed,
    Resubscribed,
    CouponsOffered,
)

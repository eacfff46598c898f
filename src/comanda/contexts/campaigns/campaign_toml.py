"""A campaign as one TOML file, as `comanda campaign create FILE` reads it; docs/campaigns.md shows one."""

import tomllib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from comanda.contexts.campaigns.document import Brand, Document
from comanda.contexts.campaigns.drafting import MOST_NAME, Draft, SubjectsTest, refused
from comanda.contexts.campaigns.states import Policy
from comanda.contracts.campaigns import CouponTerms
from comanda.engine.errors import FieldError

MOST_BYTES = 1024 * 1024


class CampaignFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file says.

    Attributes:
        name: for the staff.
        restaurant: its slug; may be left out where there is one restaurant.
        audience: the name of an audience that was kept; or else `conditions`.
        subject: or `subjects`, two to four for an A/B test.
        send_at: when; without a zone in the restaurant's. Without it the campaign is a draft.
        by_zone: at that time by each recipient's own clock.
        block: the blocks, from top to bottom: `[[block]]`.
    """

    name: Annotated[str, Meta(min_length=1, max_length=MOST_NAME)]
    restaurant: str = ""
    audience: str = ""
    conditions: dict[str, Any] | None = None
    subject: str = ""
    subjects: tuple[str, ...] = ()
    preheader: str = ""
    address: str = ""
    text: str = ""
    tracking: bool = True
    policy: Policy = "at_most_once"
    send_at: datetime | None = None
    by_zone: bool = False
    brand: Brand = Brand()
    coupon: CouponTerms | None = None
    test: SubjectsTest | None = None
    block: tuple[dict[str, Any], ...] = ()

    def draft(self, audience_id: UUID | None) -> Draft:
        """Return what is to be kept; raises `Refused` (invalid) with the place of a fault."""
        subjects = self.subjects or (self.subject,)
        try:
            document = msgspec.convert(
                {
                    "subjects": subjects,
                    "preheader": self.preheader,
                    "blocks": self.block,
                    "text": self.text,
                    "brand": msgspec.to_builtins(self.brand),
                    "address": self.address,
                    "coupon": msgspec.to_builtins(self.coupon),
                    "tracking": self.tracking,
                },
                Document,
            )
        except msgspec.ValidationError as error:
            raise refused([FieldError("block", str(error))]) from error
        return Draft(
            name=self.name,
            audience_id=audience_id,
            conditions=self.conditions,
            document=document,
            split=self.test,
            policy=self.policy,
        )


def read_campaign(content: bytes) -> CampaignFile:
    """Return what a file says; raises `Refused` (invalid) with a sentence that says where it is wrong."""
    if len(content) > MOST_BYTES:
        raise refused([FieldError("file", "A campaign's file has a megabyte at most.")])
    try:
        return msgspec.convert(tomllib.loads(content.decode()), CampaignFile)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise refused([FieldError("file", f"This is not TOML: {error}")]) from error
    except msgspec.ValidationError as error:
        raise refused([FieldError("file", str(error))]) from error

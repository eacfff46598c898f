"""Campaigns' doors for programs: write, look at, schedule, start and stop them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery, JSONBody
from msgspec import Meta

from comanda.contexts.campaigns.campaign_figures import Figures, figures_of
from comanda.contexts.campaigns.campaign_store import CampaignRow, SenderRow, Split
from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.contexts.campaigns.document import Document, document_of
from comanda.contexts.campaigns.drafting import Draft
from comanda.contexts.campaigns.previewing import MOST_ADDRESSES, Preview, Previews, TriedAddress
from comanda.contexts.campaigns.states import Policy, State
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.web.access import require, staff_member

AnyRequest = Request[Any, Any, Any]

PATH = "/api/v1/campaigns"
ONE = f"{PATH}/{{number:int}}"

DRAFT_EXAMPLE = Body(
    description="The campaign as it is written. Every fault is told with its place, such as `document.blocks.2.text`.",
    examples=[
        Example(
            summary="A heading, a text, a button",
            value={
                "name": "Summer menu",
                "conditions": {},
                "document": {
                    "subjects": ["{{ first_name | Hello }}, summer is here"],
                    "preheader": "Six new dishes",
                    "blocks": [
                        {"type": "heading", "text": "Summer is here"},
                        {"type": "text", "text": "Dear {{ first_name | guest }}, come and **try** it."},
                        {"type": "button", "text": "See the menu", "link": "https://eat.example/r/demo"},
                    ],
                    "address": "Calle Mayor 1, 28013 Madrid",
                },
            },
        )
    ],
)


class Edit(Draft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A changed campaign, and in which version it was seen."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When. A time without a zone is the restaurant's; `by_zone` is that time by each recipient's own clock."""

    at: datetime
    by_zone: bool = False


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom a test mail goes, and as which customer of the audience would get it."""

    addresses: Annotated[list[str], Meta(min_length=1, max_length=MOST_ADDRESSES)]
    position: Annotated[int, Meta(ge=0)] = 0
    variant: Annotated[int, Meta(ge=0, le=3)] = 0


class CampaignLine(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign in the list."""

    number: int
    name: str
    state: State
    version: int
    sends_at: datetime | None
    by_zone: bool
    recipients: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class CampaignView(CampaignLine, frozen=True, kw_only=True):
    """A campaign with all that is written."""

    audience_id: UUID | None
    conditions: dict[str, Any] | None
    document: Document
    split: Split | None
    winner: int | None
    policy: Policy


class CampaignList(msgspec.Struct, frozen=True, kw_only=True):
    """Campaigns, newest first."""

    campaigns: Sequence[CampaignLine]


class CampaignApi:
    """The API. Every call is about the restaurant at which the caller works."""

    def __init__(
        self, *, database: Database, campaigns: Campaigns, compiler: CampaignCompiler, previews: Previews, clock: Clock
    ) -> None:
        self._database = database
        self._campaigns = campaigns
        self._compiler = compiler
        self._previews = previews
        self._clock = clock

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        marketer: dict[str, Any] = {"tags": ["campaigns"], "guards": [require("marketer")]}
        done = marketer | {"status_code": 200}
        return [
            get(PATH, summary="All campaigns", **marketer)(self.campaigns),
            post(PATH, summary="Write a campaign", **marketer)(self.create),
            get(f"{PATH}/sender", summary="From whom campaigns are", **marketer)(self.sender),
            put(f"{PATH}/sender", summary="Say from whom campaigns are", **marketer)(self.put_sender),
            get(ONE, summary="A campaign", **marketer)(self.campaign),
            put(ONE, summary="Change a campaign", **marketer)(self.edit),
            post(f"{ONE}/copy", summary="Copy a campaign", **marketer)(self.copy),
            post(f"{ONE}/schedule", summary="Have it start at a time", **done)(self.schedule),
            post(f"{ONE}/unschedule", summary="Make it a draft again", **done)(self.unschedule),
            post(f"{ONE}/start", summary="Start it now", **done)(self.start),
            post(f"{ONE}/pause", summary="Pause it", **done)(self.pause),
            post(f"{ONE}/resume", summary="Let it go on", **done)(self.resume),
            post(f"{ONE}/cancel", summary="End it for good", **done)(self.cancel),
            get(f"{ONE}/preview", summary="As one customer would get it", **marketer)(self.preview),
            post(f"{ONE}/test", summary="Send a test mail", **done)(self.test),
            get(f"{ONE}/figures", summary="How it is getting on", **marketer)(self.figures),
        ]

    async def campaigns(self, request: AnyRequest, before: FromQuery[int | None] = None) -> CampaignList:
        """Return the restaurant's campaigns, newest first, fifty at a time; `before` is the last number you have."""
        rows = await self._campaigns.all_of(_restaurant(request), before=before)
        return CampaignList(campaigns=[_line(row) for row in rows])

    async def create(self, request: AnyRequest, data: Annotated[Draft, DRAFT_EXAMPLE]) -> CampaignView:
        """Keep a new draft. 422 tells every fault with its place."""
        return _view(await self._campaigns.create(_restaurant(request), data))

    async def campaign(self, request: AnyRequest, number: FromPath[int]) -> CampaignView:
        """Return a campaign."""
        return _view(await self._campaigns.one(_restaurant(request), number))

    async def edit(self, request: AnyRequest, number: FromPath[int], data: JSONBody[Edit]) -> CampaignView:
        """Change a draft or a scheduled campaign. 409 when somebody has changed it since `version`, or it has begun."""
        row = await self._campaigns.edit(_restaurant(request), number, data, version=data.version)
        return _view(row)

    async def copy(self, request: AnyRequest, number: FromPath[int]) -> CampaignView:
        """Keep a new draft with all that is written in this campaign."""
        return _view(await self._campaigns.copy(_restaurant(request), number))

    async def schedule(self, request: AnyRequest, number: FromPath[int], data: JSONBody[Schedule]) -> CampaignView:
        """Have it start at a time. The same time twice is one; another time replaces it."""
        row = await self._campaigns.schedule(_restaurant(request), number, data.at, by_zone=data.by_zone)
        return _view(row)

    async def unschedule(self, request: AnyRequest, number: FromPath[int]) -> CampaignView:
        """Make a scheduled campaign a draft again."""
        return _view(await self._campaigns.unschedule(_restaurant(request), number))

    async def start(self, request: AnyRequest, number: FromPath[int]) -> CampaignView:
        """Start it now. Started twice it is started once. 422 tells what is missing, with places."""
        return _view(await self._campaigns.start(_restaurant(request), number))

    async def pause(self, request: AnyRequest, number: FromPath[int]) -> CampaignView:
        """Let no further mail begin; those under way are finished."""
        return _view(await self._campaigns.pause(_restaurant(request), number))

    async def resume(self, request: AnyRequest, number: FromPath[int]) -> CampaignView:
        """Let a paused campaign go on where it was."""
        return _view(await self._campaigns.resume(_restaurant(request), number))

    async def cancel(self, request: AnyRequest, number: FromPath[int]) -> CampaignView:
        """End it for good: who has not been mailed is not."""
        return _view(await self._campaigns.cancel(_restaurant(request), number))

    async def preview(
        self, request: AnyRequest, number: FromPath[int], position: FromQuery[int] = 0, variant: FromQuery[int] = 0
    ) -> Preview:
        """Return subject, text and HTML as the customer at `position` of the audience would get them."""
        row = await self._campaigns.one(_restaurant(request), number)
        return await self._previews.preview(row, position=position, variant=variant)

    async def test(self, request: AnyRequest, number: FromPath[int], data: JSONBody[Trial]) -> list[TriedAddress]:
        """Send it to up to ten addresses; the subject begins with `[Test]`. Nobody of the audience gets anything."""
        row = await self._campaigns.one(_restaurant(request), number)
        return await self._previews.send_test(row, data.addresses, position=data.position, variant=data.variant)

    async def figures(self, request: AnyRequest, number: FromPath[int]) -> Figures:
        """Return recipients by state, the rate, the estimated end, domains, errors and the ledger's statement."""
        row = await self._campaigns.one(_restaurant(request), number)
        return await figures_of(self._database, row, self._clock.now())

    async def sender(self, request: AnyRequest) -> SenderRow:
        """Return from whom the restaurant's campaigns are."""
        return await self._sender(_restaurant(request))

    async def put_sender(self, request: AnyRequest, data: JSONBody[SenderRow]) -> SenderRow:
        """Say from whom the restaurant's campaigns are, and where answers go where that is another address."""
        restaurant_id = _restaurant(request)
        await self._database.run(lambda tx: self._compiler.put_sender(tx, restaurant_id, data))
        return await self._sender(restaurant_id)

    async def _sender(self, restaurant_id: UUID) -> SenderRow:
        address, reply_to = await self._compiler.sender(restaurant_id)
        return SenderRow(email=address.email, name=address.name, reply_to="" if reply_to is None else reply_to.email)


def _restaurant(request: AnyRequest) -> UUID:
    return staff_member(request).restaurant_id


def _line(row: CampaignRow) -> CampaignLine:
    return CampaignLine(**{name: getattr(row, name) for name in CampaignLine.__struct_fields__})


def _view(row: CampaignRow) -> CampaignView:
    values = {name: getattr(row, name) for name in CampaignView.__struct_fields__}
    return CampaignView(**values | {"document": document_of(row.document)})

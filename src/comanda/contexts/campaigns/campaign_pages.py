"""The staff's pages of campaigns: all of them, a new one, a copy; the editor and the running page are beside it."""

from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.contexts.campaigns.campaign_editor import EditorPages
from comanda.contexts.campaigns.campaign_list import lines_of
from comanda.contexts.campaigns.campaign_running import RunningPages
from comanda.contexts.campaigns.campaign_words import WORDS
from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.contexts.campaigns.document import Document, Heading, Text
from comanda.contexts.campaigns.drafting import Draft
from comanda.contexts.campaigns.previewing import Previews
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.web.access import StaffLink, require, staff_member

AnyRequest = Request[Any, Any, Any]

LIST = "/staff/campaigns"
ONE = f"{LIST}/{{number:int}}"
SHOWN = 25
"""Campaigns on one page."""

LINK = StaffLink(
    path=LIST, title="Campaigns", purpose="Write to customers, and see what came of it.", roles=("marketer",)
)

FIRST_DRAFT = Document(
    subjects=("{{ first_name | Hello }}, …",),
    blocks=(Heading(text="Dear {{ first_name | guest }}"), Text(text="What is new?")),
)
"""What a new campaign begins with: it shows blocks and merge fields at work."""


class CampaignPages:
    """The pages."""

    def __init__(
        self, *, database: Database, campaigns: Campaigns, compiler: CampaignCompiler, previews: Previews, clock: Clock
    ) -> None:
        self._database = database
        self._campaigns = campaigns
        self._compiler = compiler
        self._editor = EditorPages(database=database, campaigns=campaigns, compiler=compiler, previews=previews)
        self._running = RunningPages(database=database, campaigns=campaigns, compiler=compiler, clock=clock)

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("owner", "marketer")]
        return [
            get(LIST, guards=guards, include_in_schema=False)(self.listed),
            post(LIST, guards=guards, include_in_schema=False, status_code=303)(self.new),
            post(f"{ONE}/copy", guards=guards, include_in_schema=False, status_code=303)(self.copy),
            *self._editor.routes(),
            *self._running.routes(),
        ]

    async def listed(self, request: AnyRequest, before: FromQuery[int] = 0) -> Template:
        """Show the restaurant's campaigns, newest first."""
        restaurant_id = staff_member(request).restaurant_id
        rows = await self._campaigns.all_of(restaurant_id, before=before if before > 0 else None, most=SHOWN + 1)
        context = WORDS | {
            "lines": await lines_of(self._database, restaurant_id, rows[:SHOWN]),
            "more": rows[SHOWN - 1].number if len(rows) > SHOWN else 0,
            "timezone": await self._compiler.zone(restaurant_id),
        }
        return Template("campaigns/campaigns.html", context=context)

    async def new(self, request: AnyRequest) -> Redirect:
        """Begin a campaign, and open it in the editor."""
        draft = Draft(name="New campaign", document=FIRST_DRAFT)
        row = await self._campaigns.create(staff_member(request).restaurant_id, draft)
        return Redirect(f"{LIST}/{row.number}/edit", status_code=303)

    async def copy(self, request: AnyRequest, number: FromPath[int]) -> Redirect:
        """Begin a campaign with what is written in another."""
        row = await self._campaigns.copy(staff_member(request).restaurant_id, number)
        return Redirect(f"{LIST}/{row.number}/edit", status_code=303)

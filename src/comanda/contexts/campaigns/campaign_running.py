"""A campaign that has been started: how far it is, and the buttons that stop it."""

from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Template

from comanda.contexts.campaigns.campaign_figures import figures_of
from comanda.contexts.campaigns.campaign_words import WORDS
from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.web.access import require, staff_member
from comanda.web.forms import form_of

AnyRequest = Request[Any, Any, Any]

ONE = "/staff/campaigns/{number:int}"

MINUTES = """
SELECT minute, sum(sent)::integer AS sent, sum(failed + uncertain)::integer AS failed
FROM campaigns.minutes WHERE campaign = $1 GROUP BY minute ORDER BY minute DESC LIMIT 180
"""


class RunningPages:
    """The page, and its buttons."""

    def __init__(self, *, database: Database, campaigns: Campaigns, compiler: CampaignCompiler, clock: Clock) -> None:
        self._database = database
        self._campaigns = campaigns
        self._compiler = compiler
        self._clock = clock

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("owner", "marketer")]
        return [
            get(ONE, guards=guards, include_in_schema=False)(self.show),
            post(f"{ONE}/steer", guards=guards, include_in_schema=False, status_code=303)(self.steer),
        ]

    async def show(self, request: AnyRequest, number: FromPath[int]) -> Template | Redirect:
        """Show how far it is; what has not been started is in the editor."""
        row = await self._campaigns.one(staff_member(request).restaurant_id, number)
        if row.state in {"draft", "scheduled"}:
            return Redirect(f"/staff/campaigns/{number}/edit", status_code=303)
        minutes = list(await self._database.fetch(MINUTES, number))[::-1]
        context = WORDS | {
            "row": row,
            "figures": await figures_of(self._database, row, self._clock.now()),
            "minutes": minutes,
            "peak": max((minute["sent"] + minute["failed"] for minute in minutes), default=0),
            "timezone": await self._compiler.zone(row.restaurant_id),
        }
        return Template("campaigns/campaign_running.html", context=context)

    async def steer(self, request: AnyRequest, number: FromPath[int]) -> Redirect:
        """Pause, resume or cancel it."""
        steps = {"pause": self._campaigns.pause, "resume": self._campaigns.resume, "cancel": self._campaigns.cancel}
        step = steps.get(form_of(request).one("action"))
        if step is None:
            raise Refused("There is no such thing to do with a campaign.", kind="invalid", code="action-unknown")
        await step(staff_member(request).restaurant_id, number)
        return Redirect(f"/staff/campaigns/{number}", status_code=303)

"""A campaign's report, for people and for programs."""

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Template

from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.report import MinuteReport, Report, report_of
from comanda.contracts.catalog import RestaurantReader
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.web.access import require, staff_member

AnyRequest = Request[Any, Any, Any]

CHART_WIDTH, CHART_HEIGHT = 640, 120
MOST_BARS = 120


class ReportPages:
    """The page and its JSON."""

    def __init__(self, database: Database, campaigns: Campaigns, restaurants: RestaurantReader, clock: Clock) -> None:
        self._database = database
        self._campaigns = campaigns
        self._restaurants = restaurants
        self._clock = clock

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("owner", "marketer")]
        return [
            get("/staff/campaigns/{number:int}/report", guards=guards, include_in_schema=False)(self.page),
            get(
                "/api/v1/campaigns/{number:int}/report",
                guards=guards,
                tags=["Campaigns"],
                operation_id="campaignReport",
                summary="What became of a campaign",
                description="Recipients by state, the ledger's statement, opens, clicks, orders credited.",
            )(self.report),
        ]

    async def report(self, request: AnyRequest, number: FromPath[int]) -> Report:
        """Return the report; raises `Refused` (not found)."""
        row = await self._campaigns.one(staff_member(request).restaurant_id, number)
        return await report_of(self._database, row, self._clock.now())

    async def page(self, request: AnyRequest, number: FromPath[int]) -> Template:
        """Show the report."""
        row = await self._campaigns.one(staff_member(request).restaurant_id, number)
        report = await report_of(self._database, row, self._clock.now())
        context = {
            "campaign": row,
            "report": report,
            "mailed": report.figures.statement.once + report.figures.statement.twice,
            "bars": bars(report.minutes),
            "width": CHART_WIDTH,
            "height": CHART_HEIGHT,
        }
        return Template("campaigns/report.html", context=context)


def bars(minutes: list[MinuteReport]) -> list[dict[str, Any]]:
    """Return the bars of the chart: where each stands, how wide and high it is, and what it says."""
    if not minutes:
        return []
    step = -(-len(minutes) // MOST_BARS)
    groups = [minutes[at : at + step] for at in range(0, len(minutes), step)]
    sums = [sum(each.sent for each in group) for group in groups]
    most, width = max(1, *sums), CHART_WIDTH / len(groups)
    return [
        {
            "x": round(place * width, 1),
            "width": round(max(1.0, width - 1), 1),
            "height": round(CHART_HEIGHT * total / most, 1),
            "from": group[0].minute,
            "sent": total,
        }
        for place, (group, total) in enumerate(zip(groups, sums, strict=True))
    ]

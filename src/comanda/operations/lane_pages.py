"""The lanes as pages: all of them, and one with its leases, its last hour and what is parked in it."""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.parked_desk import ParkedDesk
from comanda.engine.lanes.steering import DIVISORS, pause, resume, set_shards
from comanda.engine.monitoring import Overview
from comanda.engine.monitoring.recent import LAST
from comanda.engine.monitoring.slowed import slowed
from comanda.operations.chart import chart, peak
from comanda.operations.parked_form import chosen_by, filter_fields
from comanda.operations.watch import LaneWatch
from comanda.operations.words import WORDS, condition
from comanda.web.access import require, staff_member
from comanda.web.forms import form_of

AnyRequest = Request[Any, Any, Any]

LANES_PART = "operations/lanes_part.html"
LANE_PART = "operations/lane_part.html"
"""What the stream sends anew."""

SHOWN = 50
"""Parked events on one page."""

TOLD = {
    "paused": "Paused. What is under way is finished; nothing new begins.",
    "resumed": "It goes on.",
    "cut": "Cut into {n}; shards change hands as their batches end.",
    "redriven": "{n:,} tried again.",
    "dropped": "{n:,} dropped.",
    "unsure": "Nothing was dropped: tick that you are sure.",
}
"""What a page says of what was just done. Addresses carry the word alone, so that no link can put its own in."""

REFRESH_S = 5
"""How often a page without scripts asks for itself again."""


def lanes_context(seen: Overview) -> dict[str, Any]:
    """Return what the part with all lanes shows."""
    lanes = seen.lanes
    return WORDS | {
        "seen": seen,
        "chart": chart,
        "troubled": [lane for lane in lanes if condition(lane) not in {"well", "retrying"}],
        "backlog": sum(lane.backlog for lane in lanes),
        "exact": all(lane.exact for lane in lanes),
        "oldest_s": max((lane.age_s for lane in lanes), default=0.0),
        "handled_per_s": sum(lane.out_per_s for lane in lanes),
        "failed": sum(lane.failed_hour for lane in lanes),
        "dead": sum(lane.dead for lane in lanes),
        "waiting": sum(lane.waiting for lane in lanes),
        "alive": sum(worker.alive for worker in seen.workers),
    }


def lane_context(seen: Overview, name: str) -> dict[str, Any] | None:
    """Return what the part with one lane shows; None where there is no such lane."""
    lane = seen.lane(name)
    return None if lane is None else WORDS | {"seen": seen, "lane": lane, "chart": chart, "peak": peak(lane.minutes)}


class LanePages:
    """The pages."""

    def __init__(self, database: Database, consumers: dict[str, Consumer], watch: LaneWatch, desk: ParkedDesk) -> None:
        self._database = database
        self._consumers = consumers
        self._watch = watch
        self._desk = desk

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("operator")]
        one = "/ops/lanes/{name:str}"
        return [
            get("/ops", guards=guards, include_in_schema=False)(self.lanes),
            get(one, guards=guards, include_in_schema=False)(self.lane),
            post(f"{one}/steer", guards=guards, include_in_schema=False)(self.steer),
            post(f"{one}/parked", guards=guards, include_in_schema=False)(self.parked),
        ]

    async def lanes(self) -> Template:
        """Show all lanes."""
        return Template(
            "operations/lanes.html", context=lanes_context(await self._watch.now()) | {"refresh_s": REFRESH_S}
        )

    async def lane(
        self,
        name: FromPath[str],
        *,
        which: FromQuery[str] = "",
        event: FromQuery[str] = "",
        key: FromQuery[str] = "",
        error: FromQuery[str] = "",
        after: FromQuery[int] = 0,
        told: FromQuery[str] = "",
        n: FromQuery[int] = 0,
    ) -> Template:
        """Show one lane, and those of its parked events that fit."""
        consumer = self._consumer(name)
        fields = {"which": which, "event": event, "key": key, "error": error}
        chosen = chosen_by(name, fields)
        found = await self._desk.look(chosen, after=min(max(after, 0), LAST), limit=SHOWN + 1)
        # Fresh, for it is shown after an action, and another process may have done that.
        context = lane_context(await self._watch.now(fresh=True), name)
        if context is None:
            raise AssertionError("the watch sees every consumer")
        filtered = {field: value for field, value in fields.items() if value}
        context |= {
            "parked": found[:SHOWN],
            "more": f"/ops/lanes/{name}?{urlencode(filtered | {'after': found[SHOWN - 1].event_id})}"
            if len(found) > SHOWN
            else "",
            "filter": fields,
            "filtered": filtered,
            "told": TOLD.get(told, "").format(n=n),
            "slowed": await slowed(self._database, consumer),
            "divisors": DIVISORS,
            "refresh_s": REFRESH_S,
        }
        return Template("operations/lane.html", context=context)

    async def steer(self, request: AnyRequest, name: FromPath[str]) -> Redirect:
        """Pause or resume the lane, or cut it anew."""
        consumer, form, who = self._consumer(name), form_of(request), staff_member(request).email
        match form.one("action"):
            case "pause":
                await pause(self._database, consumer, who=who)
                told, number = "paused", 0
            case "resume":
                await resume(self._database, consumer, who=who)
                told, number = "resumed", 0
            case "shards":
                told, number = "cut", form.integer("shards")
                await set_shards(self._database, consumer, number, who=who)
            case _:
                raise Refused("There is no such thing to do with a lane.", kind="invalid", code="action-unknown")
        return _back(name, {}, told, number)

    async def parked(self, request: AnyRequest, name: FromPath[str]) -> Redirect:
        """Redrive or drop parked events: those that were ticked, or all that fit the filter."""
        self._consumer(name)
        form, who = form_of(request), staff_member(request).email
        fields = filter_fields(form)
        verb, _, meant = form.one("action").partition("-")
        if meant == "ticked":
            chosen = chosen_by(name, {}, ids=form.every("id"))
        elif meant == "all":
            chosen = chosen_by(name, fields)
        else:
            raise Refused("Say which events are meant.", kind="invalid", code="action-unknown")
        if verb == "redrive":
            told, number = "redriven", await self._desk.redrive(chosen, who=who)
        elif verb == "drop":
            sure = form.one("sure") == "yes"
            told, number = ("dropped", await self._desk.drop(chosen, who=who)) if sure else ("unsure", 0)
        else:
            raise Refused("Parked events are redriven or dropped.", kind="invalid", code="action-unknown")
        return _back(name, fields, told, number)

    def _consumer(self, name: str) -> Consumer:
        consumer = self._consumers.get(name)
        if consumer is None:
            raise Refused("There is no such lane.", kind="not_found", code="lane-unknown")
        return consumer


def _back(name: str, fields: dict[str, str], told: str, number: int) -> Redirect:
    query = {field: value for field, value in fields.items() if value} | {"told": told, "n": str(number)}
    return Redirect(f"/ops/lanes/{name}?{urlencode(query)}", status_code=303)

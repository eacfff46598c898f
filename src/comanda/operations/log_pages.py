"""The log as pages: the newest events, and one event's way through all its consumers."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.lanes import Consumer
from comanda.engine.monitoring.recent import recent
from comanda.engine.monitoring.way import StationState, way_of
from comanda.operations.words import WORDS
from comanda.web.access import require

AnyRequest = Request[Any, Any, Any]

STATION_KINDS: dict[StationState, str] = {
    "handled": "good",
    "unread": "plain",
    "waiting": "wait",
    "dead": "bad",
    "not begun": "plain",
}
"""The colour of each state's badge."""

MAX_ID = 2**63 - 1
MAX_LENGTH = 500


class LogPages:
    """The pages."""

    def __init__(self, database: Database, consumers: dict[str, Consumer], clock: Clock) -> None:
        self._database = database
        self._consumers = consumers
        self._clock = clock

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        guards = [require("operator")]
        return [
            get("/ops/log", guards=guards, include_in_schema=False)(self.log),
            get("/ops/events/{event_id:int}", guards=guards, include_in_schema=False)(self.event),
        ]

    async def log(
        self,
        key: FromQuery[str] = "",
        name: FromQuery[str] = "",
        event_id: FromQuery[str] = "",
        before: FromQuery[str] = "",
    ) -> Template | Redirect:
        """Show the newest events, of one key or name where that is asked for; an event's id leads to its page."""
        if event_id.isascii() and event_id.isdigit() and int(event_id[:20]) <= MAX_ID:
            return Redirect(f"/ops/events/{int(event_id)}", status_code=303)
        if any(len(text) > MAX_LENGTH or "\0" in text for text in (key, name)):
            raise Refused("This cannot be looked for.", kind="invalid", code="filter-invalid")
        found = await recent(self._database, key=key or None, name=name or None, before=before)
        query = {"key": key, "name": name, "before": found.before}
        context = WORDS | {
            "found": found,
            "key": key,
            "name": name,
            "before": before,
            "now": self._clock.now(),
            "older": f"/ops/log?{urlencode({k: v for k, v in query.items() if v})}" if found.before else "",
            "names": sorted({kind for each in self._consumers.values() for kind in each.names or ()}),
        }
        return Template("operations/log.html", context=context)

    async def event(self, event_id: FromPath[int]) -> Template:
        """Show one event's way."""
        way = await way_of(self._database, event_id, list(self._consumers.values())) if event_id <= MAX_ID else None
        if way is None:
            raise Refused(
                "There is no such event; its day may have been archived.", kind="not_found", code="event-unknown"
            )
        context = WORDS | {
            "event": way.event,
            "stations": way.stations,
            "payload": _spread(way.event.payload),
            "station_kinds": STATION_KINDS,
            "now": self._clock.now(),
        }
        return Template("operations/event.html", context=context)


def _spread(payload: str) -> str:
    return msgspec.json.format(payload, indent=2)

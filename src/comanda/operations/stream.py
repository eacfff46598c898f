"""The lanes live: server-sent events, each the part of the page that has changed, ready to be put in.

The page is the same without scripts; then it asks for itself again every few seconds.
"""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Stream

from comanda.operations.lane_pages import LANE_PART, LANES_PART, lane_context, lanes_context
from comanda.operations.watch import LaneWatch
from comanda.web.access import require

AnyRequest = Request[Any, Any, Any]

RETRY = b"retry: 2000\n\n"
"""How soon a browser connects again that has lost us, in milliseconds."""

HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # Else nginx keeps events back until it has some kilobytes of them.
}


class LaneStream:
    """The stream."""

    def __init__(self, watch: LaneWatch) -> None:
        self._watch = watch

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handler."""
        return [
            get("/ops/stream", guards=[require("operator")], include_in_schema=False, sync_to_thread=False)(self.stream)
        ]

    def stream(self, request: AnyRequest, lane: FromQuery[str] = "") -> Stream:
        """Send the lanes, or one of them, with each look: `lanes` events, and `away` while the database is."""
        return Stream(self._events(request, lane), media_type="text/event-stream", headers=HEADERS)

    async def _events(self, request: AnyRequest, lane: str) -> AsyncIterator[bytes]:
        yield RETRY
        environment = request.app.template_engine
        if environment is None:
            raise AssertionError("the site has templates")
        template = environment.get_template(LANE_PART if lane else LANES_PART)
        async for seen in self._watch.follow():
            if seen is None:
                yield event("away", "")
                continue
            context = lanes_context(seen) if not lane else lane_context(seen, lane)
            yield event("lanes", template.render(context) if context is not None else "")


def event(kind: str, text: str) -> bytes:
    """Return a server-sent event (HTML standard, section 9.2)."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {kind}\n{lines}\n".encode()

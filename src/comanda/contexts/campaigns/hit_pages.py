"""The picture that says that a mail was opened, and the links that lead on."""

import base64
from collections import OrderedDict
from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from comanda.contexts.campaigns import feedback_store as store
from comanda.contexts.campaigns.hits import Hits
from comanda.contexts.campaigns.robots import is_robot
from comanda.contracts.campaigns import LinkClicked, MailOpened
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.mail.returns.marks import Marks

AnyRequest = Request[Any, Any, Any]

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NEVER_KEPT = {"Cache-Control": "no-store, private", "X-Robots-Tag": "noindex"}
LOOKED_AT = [HttpMethod.GET, HttpMethod.HEAD]
"""Who checks links asks with HEAD, and gets the answer that a reader gets; it counts as nothing."""
MOST_LINKS = 4_096
"""Links that a process remembers."""


class HitPages:
    """The handlers."""

    def __init__(self, database: Database, hits: Hits, *, marks: Marks, clock: Clock) -> None:
        self._database = database
        self._hits = hits
        self._marks = marks
        self._clock = clock
        self._links: OrderedDict[tuple[int, int], str] = OrderedDict()

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [
            route("/p/{name:str}", http_method=LOOKED_AT, include_in_schema=False)(self.opened),
            route("/c/{token:str}", http_method=LOOKED_AT, include_in_schema=False)(self.clicked),
        ]

    async def opened(self, request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        """Answer with a picture of one transparent point, whatever the token."""
        mark = self._marks.read_open(name.removesuffix(".gif"))
        if mark is not None and request.method == "GET":
            self._hits.take(
                MailOpened(
                    mail=f"{mark.campaign}:{mark.recipient}",
                    campaign=mark.campaign,
                    recipient=mark.recipient,
                    at=self._clock.now(),
                    robot=_robot(request),
                )
            )
        return Response(PIXEL, media_type="image/gif", headers=NEVER_KEPT)

    async def clicked(self, request: AnyRequest, token: FromPath[str]) -> Redirect:
        """Lead on to where the campaign's link goes; raises `Refused` (not found) for a token that is none of ours."""
        mark = self._marks.read_click(token)
        url = None if mark is None else await self._url(mark.campaign, mark.link)
        if mark is None or url is None:
            raise Refused("This link is none of ours, or was cut off.", kind="not_found", code="link-unknown")
        if request.method == "GET":
            self._hits.take(
                LinkClicked(
                    mail=f"{mark.campaign}:{mark.recipient}",
                    campaign=mark.campaign,
                    recipient=mark.recipient,
                    at=self._clock.now(),
                    link=mark.link,
                    robot=_robot(request),
                )
            )
        return Redirect(url, status_code=302, headers=NEVER_KEPT)

    async def _url(self, campaign: int, link: int) -> str | None:
        key = (campaign, link)
        url = self._links.get(key) or await store.link(self._database, campaign, link)
        if url is not None:
            # A campaign's links never change once it has started.
            self._links[key] = url
            if len(self._links) > MOST_LINKS:
                self._links.popitem(last=False)
        return url


def _robot(request: AnyRequest) -> bool:
    headers = request.headers
    purpose = headers.get("sec-purpose") or headers.get("purpose") or headers.get("x-purpose") or ""
    return is_robot(headers.get("user-agent", ""), purpose=purpose)

"""The page behind a mail's unsubscribe link, and the one click that mail programs make for their users (RFC 8058).

Opening it changes nothing, for programs open links to look at them. A POST does, whoever makes it: the token says whose
mail it was, and it is the whole permission.
"""

from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Template

from comanda.contexts.campaigns.preferences import Preferences
from comanda.engine.errors import Refused
from comanda.web.forms import parse_form
from comanda.web.gate import OPEN

AnyRequest = Request[Any, Any, Any]

MOST_BODY = 4_096


class PreferencePages:
    """The pages."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        path = "/u/{token:str}"
        return [
            get(path, include_in_schema=False)(self.show),
            post(path, include_in_schema=False, status_code=200, opt={OPEN: True})(self.change),
        ]

    async def show(self, token: FromPath[str]) -> Template:
        """Show what the person has chosen, and a button."""
        return await self._page(token)

    async def change(self, request: AnyRequest, token: FromPath[str]) -> Template:
        """Let the person leave, or come back where the form says so."""
        body = await request.body()
        wish = ""
        if len(body) <= MOST_BODY and request.headers.get("content-type", "").startswith("application/x-www-form"):
            try:
                wish = parse_form(body).one("wish")
            except Refused:
                wish = ""  # A mail program's own form; all of them mean the same.
        if wish == "stay":
            await self._preferences.come_back(token)
        else:
            await self._preferences.leave(token)
        return await self._page(token)

    async def _page(self, token: str) -> Template:
        whose, restaurant = await self._preferences.opened(token)
        context = {"whose": whose, "restaurant": restaurant}
        return Template("campaigns/preferences.html", context=context, headers={"Cache-Control": "no-store"})

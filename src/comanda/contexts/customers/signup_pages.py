"""The pages of signing up for a restaurant's news, and of confirming it."""

from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Template

from comanda.contexts.customers.signups import Signups
from comanda.engine.errors import Refused
from comanda.web.forms import form_of
from comanda.web.problems import STATUS

AnyRequest = Request[Any, Any, Any]


class SignupPages:
    """The pages."""

    def __init__(self, signups: Signups) -> None:
        self._signups = signups

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        ask, confirm = "/r/{slug:str}/news", "/news/{token:str}"
        return [
            get(ask, include_in_schema=False)(self.form),
            post(ask, include_in_schema=False, status_code=200)(self.ask),
            get(confirm, include_in_schema=False)(self.opened),
            post(confirm, include_in_schema=False, status_code=200)(self.confirm),
        ]

    async def form(self, slug: FromPath[str]) -> Template:
        """Show the form."""
        context = {"restaurant": await self._signups.restaurant(slug), "typed": {}, "errors": {}, "asked": ""}
        return Template("customers/signup.html", context=context)

    async def ask(self, request: AnyRequest, slug: FromPath[str]) -> Template:
        """Take a wish for news: the answer is the same whoever asks."""
        form = form_of(request)
        typed = {"email": form.one("email"), "name": form.one("name")}
        try:
            restaurant = await self._signups.ask(slug, **typed, address=_address(request))
        except Refused as refused:
            if not refused.fields:
                raise
            context = {
                "restaurant": await self._signups.restaurant(slug),
                "typed": typed,
                "errors": {field.path: field.message for field in refused.fields},
                "asked": "",
            }
            return Template("customers/signup.html", context=context, status_code=STATUS[refused.kind])
        context = {"restaurant": restaurant, "typed": {}, "errors": {}, "asked": typed["email"]}
        return Template("customers/signup.html", context=context)

    async def opened(self, token: FromPath[str]) -> Template:
        """Show what the mail's link is for; nothing changes by looking at it."""
        return Template("customers/confirm.html", context=(await self._signups.opened(token))._asdict())

    async def confirm(self, request: AnyRequest, token: FromPath[str]) -> Template:
        """Take the confirmation."""
        state = await self._signups.confirm(token, address=_address(request))
        return Template("customers/confirm.html", context=state._asdict())


def _address(request: AnyRequest) -> str:
    return request.client.host if request.client else ""

"""A front door for a test: the real frame around some modules, and browsers that keep cookies."""

import re
from collections.abc import Sequence
from typing import Any

import httpx
from litestar import Litestar
from litestar.types import ASGIApp

from comanda.contracts.module import Module
from comanda.engine.ids import RandomIds
from comanda.web.access import StaffSessions
from comanda.web.bodies import MAX_BODY_BYTES, JsonRequest
from comanda.web.site import Site

ADDRESS = "https://demo.example"


def front(modules: Sequence[Module], sessions: StaffSessions) -> ASGIApp:
    """Return an ASGI app that serves the modules' routes in the frame."""
    site = Site(
        secret=b"a secret for the tests, of 32 bytes",
        public_url=ADDRESS,
        ids=RandomIds(),
        templates={module.name: module.templates for module in modules if module.templates is not None},
        links=[link for module in modules for link in module.staff_links],
    )
    app = Litestar(
        [*site.routes(), *(route for module in modules for route in module.routes)],
        exception_handlers=site.exception_handlers(),
        middleware=site.middleware(sessions),
        template_config=site.template_config(),
        request_max_body_size=MAX_BODY_BYTES,
        request_class=JsonRequest,
        openapi_config=None,
        logging_config=None,
    )
    return site.wrap(app)


class Browser(httpx.AsyncClient):
    """A browser without scripts: it keeps cookies, asks for pages, and posts forms with the token of the page."""

    def __init__(self, app: ASGIApp, *, address: str = "203.0.113.7") -> None:
        super().__init__(
            transport=httpx.ASGITransport(app=app, client=(address, 5000)),  # type: ignore[arg-type]  # the same ASGI
            base_url=ADDRESS,
            headers={"Accept": "text/html,application/xhtml+xml"},
            follow_redirects=True,
        )

    async def submit(self, page: str, action: str, fields: dict[str, Any]) -> httpx.Response:
        """Open `page`, take the token of its forms, and post `fields` to `action`."""
        text = (await self.get(page)).text
        token = re.search(r'name="_csrf" value="([^"]+)"', text)
        assert token is not None, text
        return await self.post(action, data={"_csrf": token[1], **fields})

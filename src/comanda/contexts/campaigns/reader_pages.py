"""What a campaign's reader opens: the mail in a browser, and its pictures. Nothing here changes anything."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from comanda.contexts.campaigns import campaign_store as store
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.contexts.campaigns.merge_fields import fill_html, values_of
from comanda.contexts.campaigns.scene import PICTURES
from comanda.contexts.campaigns.web_links import FILES, picture_of
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.engine.files import FileStore, NoSuchFile

READER = """
SELECT p.email, p.name, p.attributes, p.orders, p.last_order_at
FROM campaigns.deliveries AS d JOIN campaigns.people AS p ON p.id = d.customer_id
WHERE d.campaign = $1 AND d.recipient = $2
"""

POLICY = (
    "default-src 'none'; img-src 'self' https:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""A mail has its styles at its elements. It has no script, and none would run."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "private, no-store",
}
TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}

ReadToken = Callable[[str], tuple[int, int] | None]
"""Returns campaign and recipient that a token names; None where it is not ours."""

OwnValues = Callable[[int, int], Awaitable[Mapping[str, str]]]
"""`(campaign, recipient)`: the values that only the mail's frame has: addresses that lead to us, the coupon's code."""


class _Reader(msgspec.Struct, frozen=True, kw_only=True):
    email: str
    name: str
    attributes: dict[str, Any]
    orders: int
    last_order_at: datetime | None


class ReaderPages:
    """The pages. Whoever has a token sees that one mail; without one there is nothing to see."""

    def __init__(
        self,
        *,
        database: Database,
        compiler: CampaignCompiler,
        files: FileStore,
        read_token: ReadToken,
        own_values: OwnValues,
    ) -> None:
        self._database = database
        self._compiler = compiler
        self._files = files
        self._read_token = read_token
        self._own_values = own_values

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        return [
            get("/v/{token:str}", include_in_schema=False)(self.view),
            get(f"{PICTURES}/{{restaurant_id:uuid}}/{{name:str}}", include_in_schema=False)(self.picture),
        ]

    async def view(self, token: FromPath[str]) -> Response[str]:
        """Show the mail as its recipient got it."""
        mark = self._read_token(token)
        row = None if mark is None else await store.one(self._database, mark[0])
        if mark is None or row is None:
            raise _missing()
        found = await self._database.fetch_row(READER, *mark)
        if found is None:
            raise _missing()
        reader = _Reader(**dict(found) | {"attributes": msgspec.json.decode(found["attributes"])})
        rendered = await self._compiler.rendered(row)
        scene = rendered.scene
        values = values_of(reader, restaurant=scene.restaurant, locale=scene.locale) | dict(
            await self._own_values(*mark)
        )
        return Response(fill_html(rendered.html, values), media_type="text/html; charset=utf-8", headers=HEADERS)

    async def picture(self, restaurant_id: FromPath[UUID], name: FromPath[str]) -> Response[bytes]:
        """Return a picture of a restaurant's mails from the files store."""
        try:
            picture_of(FILES + name)
            content = await self._files.get(f"{PICTURES[1:]}/{restaurant_id}/{name}")
        except (ValueError, NoSuchFile) as error:
            raise _missing() from error
        kind = TYPES[name.rpartition(".")[2].lower()]
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=kind, headers=headers)


def _missing() -> Refused:
    return Refused("There is nothing at this address.", kind="not_found", code="not-found")

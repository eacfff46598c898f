"""The staff's doors to the catalog: drafts, publishing, what is sold out, settings. All may be called twice."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, PathParameter

from comanda.contexts.catalog.entity_tags import edits_of
from comanda.contexts.catalog.examples import MENU_EXAMPLE, SETTINGS_EXAMPLE
from comanda.contexts.catalog.menus import MenuDraft
from comanda.contexts.catalog.service import Catalog, Settings
from comanda.contexts.catalog.store import Draft, Version
from comanda.engine.database import Database
from comanda.engine.errors import Refused
from comanda.web.access import require, staff_member

TAGS = ["staff"]
MAX_VERSION = 2**31 - 1

StaffRequest = Request[Any, Any, Any]
VersionNumber = Annotated[int, PathParameter(ge=1, le=MAX_VERSION)]
ThingId = Annotated[str, PathParameter(description="The id of an item or an option.")]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        required=False,
        description='The ETag of the draft that was edited, `"0"` where there was none; left out, it is overwritten.',
    ),
]


class CatalogStaffApi:
    """The API. Every call is about the restaurant at which the caller works.

    Args:
        database: each call is a transaction in it.
        catalog: what can be asked.
    """

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers. Menus and settings are the owner's, sold-out marks the kitchen's as well."""
        owner: dict[str, Any] = {"tags": TAGS, "guards": [require()]}
        kitchen: dict[str, Any] = {"tags": TAGS, "guards": [require("kitchen")]}
        menu = "/api/v1/staff/menu"
        return [
            get(f"{menu}/versions", summary="The menu's versions", **kitchen)(self.versions),
            get(f"{menu}/draft", summary="The draft", **owner)(self.draft),
            put(f"{menu}/draft", summary="Keep the draft", **owner)(self.save_draft),
            delete(f"{menu}/draft", summary="Throw the draft away", **owner)(self.drop_draft),
            post(f"{menu}/versions/{{version:int}}/publish", status_code=204, summary="Publish a draft", **owner)(
                self.publish
            ),
            put(f"{menu}/sold-out/{{thing:str}}", status_code=204, summary="Mark as sold out", **kitchen)(
                self.sell_out
            ),
            delete(f"{menu}/sold-out/{{thing:str}}", summary="Can be had again", **kitchen)(self.bring_back),
            get("/api/v1/staff/restaurant", summary="The restaurant's settings", **owner)(self.settings),
            put("/api/v1/staff/restaurant", summary="Change the settings", **owner)(self.change_settings),
        ]

    async def versions(self, request: StaffRequest) -> list[Version]:
        """Return the newest versions of the menu, newest first."""
        restaurant_id = staff_member(request).restaurant_id
        async with self._database.transaction() as tx:
            return await self._catalog.versions(tx, restaurant_id)

    async def draft(self, request: StaffRequest) -> Response[Draft]:
        """Return the draft of the next version; its ETag is the number of its edits."""
        restaurant_id = staff_member(request).restaurant_id
        async with self._database.transaction() as tx:
            draft = await self._catalog.draft(tx, restaurant_id)
        if draft is None:
            raise Refused("There is no draft at present.", kind="not_found", code="no-draft")
        return _tagged(draft)

    async def save_draft(
        self, request: StaffRequest, data: Annotated[MenuDraft, MENU_EXAMPLE], if_match: IfMatch = None
    ) -> Response[Draft]:
        """Keep a whole menu as the draft. `If-Match` with the edits (`"0"` for none) keeps two editors apart."""
        restaurant_id = staff_member(request).restaurant_id
        edits = edits_of(if_match)
        return _tagged(
            await self._database.run(lambda tx: self._catalog.save_draft(tx, restaurant_id, data, edits=edits))
        )

    async def drop_draft(self, request: StaffRequest) -> None:
        """Throw the draft away; fine when there is none."""
        restaurant_id = staff_member(request).restaurant_id
        await self._database.run(lambda tx: self._catalog.drop_draft(tx, restaurant_id))

    async def publish(self, request: StaffRequest, version: VersionNumber) -> None:
        """Show this version to guests. Published versions never change; publishing one again does nothing."""
        restaurant_id = staff_member(request).restaurant_id
        await self._database.run(lambda tx: self._catalog.publish(tx, restaurant_id, version))

    async def sell_out(self, request: StaffRequest, thing: ThingId) -> None:
        """Mark an item or option as sold out."""
        restaurant_id = staff_member(request).restaurant_id
        await self._database.run(lambda tx: self._catalog.sell_out(tx, restaurant_id, thing))

    async def bring_back(self, request: StaffRequest, thing: ThingId) -> None:
        """Take the mark away."""
        restaurant_id = staff_member(request).restaurant_id
        await self._database.run(lambda tx: self._catalog.bring_back(tx, restaurant_id, thing))

    async def settings(self, request: StaffRequest) -> Settings:
        """Return the restaurant's settings."""
        restaurant_id = staff_member(request).restaurant_id
        async with self._database.transaction() as tx:
            return await self._catalog.settings(tx, restaurant_id)

    async def change_settings(self, request: StaffRequest, data: Annotated[Settings, SETTINGS_EXAMPLE]) -> Settings:
        """Replace the restaurant's settings."""
        restaurant_id = staff_member(request).restaurant_id
        await self._database.run(lambda tx: self._catalog.change_settings(tx, restaurant_id, data))
        return data


def _tagged(draft: Draft) -> Response[Draft]:
    return Response(draft, headers={"ETag": f'"{draft.edits}"'})

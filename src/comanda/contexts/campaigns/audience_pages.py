"""The marketer's pages of audiences: the list, and the builder, which works without scripts.

Each button of the builder posts the whole form: `save`, `count`, `add`, `add:2` (into the group there), `remove:2.0`.
A script does the same for the buttons and, while somebody types, for the count.
"""

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Template

from comanda.contexts.campaigns.audience_kinds import GROUP, KINDS, MATCHES
from comanda.contexts.campaigns.audience_rows import Rows, conditions_of, read_rows, rows_of
from comanda.contexts.campaigns.audiences import Audience, AudienceForm, Audiences, House, Reach
from comanda.contexts.campaigns.conditions import Conditions
from comanda.engine.errors import Refused
from comanda.web.access import require, staff_member
from comanda.web.forms import Form, form_of
from comanda.web.problems import STATUS

AnyRequest = Request[Any, Any, Any]

LIST = "/staff/audiences"


class AudiencePages:
    """The pages."""

    def __init__(self, audiences: Audiences) -> None:
        self._audiences = audiences

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        marketer: dict[str, Any] = {"guards": [require("marketer")], "include_in_schema": False}
        one = f"{LIST}/{{audience_id:uuid}}"
        return [
            get(LIST, **marketer)(self.listed),
            get(f"{LIST}/new", **marketer)(self.new),
            post(f"{LIST}/new", **marketer)(self.create),
            post(f"{LIST}/reach", status_code=200, **marketer)(self.reach),
            get(one, **marketer)(self.edit),
            post(one, **marketer)(self.change),
            post(f"{one}/delete", **marketer)(self.delete),
        ]

    async def listed(self, request: AnyRequest) -> Template:
        """Show the restaurant's audiences."""
        return await self._list(request)

    async def new(self, request: AnyRequest) -> Template:
        """Show an empty builder."""
        return await self._builder(request, None, name="", rows=Rows())

    async def edit(self, request: AnyRequest, audience_id: FromPath[UUID]) -> Template:
        """Show the builder with what an audience asks for."""
        restaurant_id = staff_member(request).restaurant_id
        audience = await self._audiences.one(restaurant_id, audience_id)
        house = await self._audiences.house(restaurant_id)
        rows = rows_of(audience.conditions, house.currency)
        return await self._builder(request, audience, name=audience.name, rows=rows)

    async def create(self, request: AnyRequest) -> Template | Redirect:
        """Take a new audience, or change its rows."""
        return await self._edited(request, None)

    async def change(self, request: AnyRequest, audience_id: FromPath[UUID]) -> Template | Redirect:
        """Take an audience anew, or change its rows."""
        audience = await self._audiences.one(staff_member(request).restaurant_id, audience_id)
        return await self._edited(request, audience)

    async def delete(self, request: AnyRequest, audience_id: FromPath[UUID]) -> Template | Redirect:
        """Delete an audience."""
        try:
            await self._audiences.delete(staff_member(request).restaurant_id, audience_id)
        except Refused as refused:
            if refused.kind != "conflict":
                raise
            return await self._list(request, refused)
        return Redirect(LIST, status_code=303)

    async def reach(self, request: AnyRequest) -> Template:
        """Show the part of the page that says whom the typed conditions find."""
        restaurant_id = staff_member(request).restaurant_id
        house = await self._audiences.house(restaurant_id)
        rows = read_rows(form_of(request))
        reach, message = await self._reached(restaurant_id, rows, house)
        return Template("campaigns/audiences_reach.html", context=_reach_context(reach, message, house))

    async def _edited(self, request: AnyRequest, audience: Audience | None) -> Template | Redirect:
        form = form_of(request)
        restaurant_id = staff_member(request).restaurant_id
        rows = read_rows(form)
        action, _, path = form.one("action").partition(":")
        if action == "add":
            rows.add(form.one(f"kind:{path}"), path)
        elif action == "add_group":
            rows.add(GROUP)
        elif action == "remove":
            rows.remove(path)
        elif action == "save":
            return await self._saved(request, audience, form, rows, restaurant_id)
        return await self._builder(request, audience, name=form.one("name"), rows=rows)

    async def _saved(
        self, request: AnyRequest, audience: Audience | None, form: Form, rows: Rows, restaurant_id: UUID
    ) -> Template | Redirect:
        house, name = await self._audiences.house(restaurant_id), form.one("name")
        conditions = conditions_of(rows, currency=house.currency, schema=house.schema)
        if conditions is None:
            return await self._builder(request, audience, name=name, rows=rows, status=STATUS["invalid"])
        try:
            await self._keep(restaurant_id, audience, name, conditions)
        except Refused as refused:
            if not refused.fields and refused.kind != "conflict":
                raise
            return await self._builder(request, audience, name=name, rows=rows, refused=refused)
        return Redirect(LIST, status_code=303)

    async def _keep(self, restaurant_id: UUID, audience: Audience | None, name: str, conditions: Conditions) -> None:
        form = AudienceForm(name=name[:100], conditions=conditions)
        if audience is None:
            await self._audiences.create(restaurant_id, form)
        else:
            await self._audiences.change(restaurant_id, audience.id, form)

    async def _reached(self, restaurant_id: UUID, rows: Rows, house: House) -> tuple[Reach | None, str]:
        """Return whom the rows find, or why that cannot be said; each row says what is wrong with it."""
        conditions = conditions_of(rows, currency=house.currency, schema=house.schema)
        if conditions is None:
            return None, "Complete the conditions to see whom they find."
        try:
            return await self._audiences.reach(restaurant_id, conditions), ""
        except Refused as refused:
            rest = rows.blame([field for field in refused.fields if field.path != "name"])
            return None, rest or "Complete the conditions to see whom they find."

    async def _list(self, request: AnyRequest, refused: Refused | None = None) -> Template:
        audiences = await self._audiences.listed(staff_member(request).restaurant_id)
        context = {"audiences": audiences, "message": refused.message if refused else ""}
        return Template(
            "campaigns/audiences.html", context=context, status_code=STATUS[refused.kind] if refused else 200
        )

    async def _builder(
        self,
        request: AnyRequest,
        audience: Audience | None,
        *,
        name: str,
        rows: Rows,
        refused: Refused | None = None,
        status: int = 200,
    ) -> Template:
        restaurant_id = staff_member(request).restaurant_id
        house = await self._audiences.house(restaurant_id)
        reach, message = await self._reached(restaurant_id, rows, house)
        properties = house.schema.get("properties")
        context = {
            "audience": audience,
            "name": name,
            "rows": rows,
            "kinds": KINDS,
            "matches": MATCHES,
            "attributes": list(properties) if isinstance(properties, dict) else [],
            "house": house,
            "name_error": next((each.message for each in refused.fields if each.path == "name"), "") if refused else "",
            "refused": refused.message if refused else "",
            **_reach_context(reach, message, house),
        }
        code = STATUS[refused.kind] if refused else status
        return Template("campaigns/audiences_edit.html", context=context, status_code=code)


def _reach_context(reach: Reach | None, message: str, house: House) -> dict[str, Any]:
    return {
        "reach": reach,
        "reach_message": message,
        "currency": house.currency,
        "locale": house.locale,
        "timezone": house.timezone,
    }

"""The staff's doors to audiences, for programs."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from comanda.contexts.campaigns.audiences import Audience, AudienceForm, Audiences, Reach
from comanda.contexts.campaigns.conditions import Conditions
from comanda.web.access import require, staff_member

TAGS = ["staff"]

StaffRequest = Request[Any, Any, Any]

CONDITIONS = {
    "match": "all",
    "of": [
        {"kind": "ordered_times", "how": "at_least", "count": 2, "days": 60},
        {"kind": "fulfilment", "how": "never", "by": "delivery"},
        {
            "kind": "group",
            "match": "any",
            "of": [
                {"kind": "spent", "how": "at_least", "amount": 10000},
                {"kind": "attribute", "name": "vip", "how": "is", "value": True},
            ],
        },
    ],
}

AUDIENCE_EXAMPLE = Body(
    description="The audience. Whoever has not opted in is never in one, and need not be left out.",
    examples=[Example(summary="Regulars who pick up", value={"name": "Regulars", "conditions": CONDITIONS})],
)
CONDITIONS_EXAMPLE = Body(
    description="What the audience would ask for.",
    examples=[Example(summary="Ordered twice in 60 days, never a delivery", value=CONDITIONS)],
)


class AudienceApi:
    """The API. Every call is about the restaurant at which the caller works."""

    def __init__(self, audiences: Audiences) -> None:
        self._audiences = audiences

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        marketer: dict[str, Any] = {"tags": TAGS, "guards": [require("marketer")]}
        every, one = "/api/v1/audiences", "/api/v1/audiences/{audience_id:uuid}"
        return [
            get(every, summary="All audiences", **marketer)(self.listed),
            post(every, summary="Keep a new audience", **marketer)(self.create),
            post(f"{every}/preview", status_code=200, summary="Whom conditions find", **marketer)(self.preview),
            get(one, summary="An audience", **marketer)(self.one),
            put(one, summary="Change an audience", **marketer)(self.change),
            delete(one, summary="Delete an audience", **marketer)(self.delete),
        ]

    async def listed(self, request: StaffRequest) -> list[Audience]:
        """Return the restaurant's audiences by name."""
        return await self._audiences.listed(staff_member(request).restaurant_id)

    async def create(self, request: StaffRequest, data: Annotated[AudienceForm, AUDIENCE_EXAMPLE]) -> Audience:
        """Keep an audience under a name that no other has."""
        return await self._audiences.create(staff_member(request).restaurant_id, data)

    async def preview(self, request: StaffRequest, data: Annotated[Conditions, CONDITIONS_EXAMPLE]) -> Reach:
        """Count whom conditions find now, and return some of them. Where counting takes too long, there is no count."""
        return await self._audiences.reach(staff_member(request).restaurant_id, data)

    async def one(self, request: StaffRequest, audience_id: FromPath[UUID]) -> Audience:
        """Return an audience."""
        return await self._audiences.one(staff_member(request).restaurant_id, audience_id)

    async def change(
        self, request: StaffRequest, audience_id: FromPath[UUID], data: Annotated[AudienceForm, AUDIENCE_EXAMPLE]
    ) -> Audience:
        """Write an audience anew, name and all. A campaign that was started keeps those whom it had found."""
        return await self._audiences.change(staff_member(request).restaurant_id, audience_id, data)

    async def delete(self, request: StaffRequest, audience_id: FromPath[UUID]) -> None:
        """Delete an audience; refused while a scheduled campaign uses it."""
        await self._audiences.delete(staff_member(request).restaurant_id, audience_id)

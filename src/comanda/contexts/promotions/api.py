"""The staff's doors to coupons. Guests meet coupons in quotes and orders."""

from typing import Annotated, Any

from litestar import Request, get, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter

from comanda.contexts.promotions.service import CouponReport, CouponTerms, Promotions
from comanda.engine.database import Database
from comanda.web.access import require, staff_member

TAGS = ["staff"]

StaffRequest = Request[Any, Any, Any]
Code = Annotated[str, PathParameter(description="The coupon's code; case does not matter.")]

TERMS_EXAMPLE = Body(
    description="What the coupon gives, and when.",
    examples=[
        Example(
            summary="10 % off from 20.00 on, for the first 500, once per guest",
            value={"kind": "percentage", "value": 1000, "minimum": 2000, "total_limit": 500, "guest_limit": 1},
        )
    ],
)


class PromotionsApi:
    """The API. Every call is about the restaurant at which the caller works.

    Args:
        database: each call is a transaction in it.
        promotions: what can be asked.
    """

    def __init__(self, database: Database, promotions: Promotions) -> None:
        self._database = database
        self._promotions = promotions

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        marketer: dict[str, Any] = {"tags": TAGS, "guards": [require("marketer")]}
        return [
            get("/api/v1/staff/coupons", summary="All coupons", **marketer)(self.coupons),
            put("/api/v1/staff/coupons/{code:str}", status_code=204, summary="Make or change a coupon", **marketer)(
                self.put
            ),
        ]

    async def coupons(self, request: StaffRequest) -> list[CouponReport]:
        """Return the restaurant's coupons, newest first, and how often each is in use."""
        restaurant_id = staff_member(request).restaurant_id
        async with self._database.transaction() as tx:
            return await self._promotions.all_of(tx, restaurant_id)

    async def put(self, request: StaffRequest, code: Code, data: Annotated[CouponTerms, TERMS_EXAMPLE]) -> None:
        """Make a coupon, or change when it is valid and how high its limits are. The same again changes nothing."""
        restaurant_id = staff_member(request).restaurant_id
        await self._database.run(lambda tx: self._promotions.put(tx, restaurant_id, code, data))

"""The guests' doors to the catalog: the menu, the restaurant, and the times that can be chosen."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from comanda.contexts.catalog import capacity_store
from comanda.contexts.catalog.entity_tags import has_it
from comanda.contexts.catalog.menu_view import MenuView, MenuViews
from comanda.contracts.catalog import DeliveryArea, FulfilmentType, Restaurant, RestaurantReader, Timetable, Window
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.errors import Refused

TAGS = ["restaurants"]

CACHED = "no-cache"
"""Anyone may keep it, and asks each time whether it is still so: the answer to that is a 304 without a body."""

Slug = Annotated[str, PathParameter(description="The restaurant's slug.")]
Fulfilment = Annotated[FulfilmentType, QueryParameter(description="How the order is to be had.")]


class RestaurantView(msgspec.Struct, frozen=True, kw_only=True):
    """A restaurant: how and when it sells. Fees and minimums are minor units of `currency`.

    `next_opening` is null while it is open, and where it does not open again.
    """

    slug: str
    name: str
    currency: str
    timezone: str
    country: str
    locale: str
    open_now: bool
    next_opening: datetime | None
    hours: tuple[Window, ...]
    fulfilments: tuple[FulfilmentType, ...]
    delivery_areas: tuple[DeliveryArea, ...]
    slot_minutes: int
    days_ahead: int
    tax_basis_points: int
    tax_included: bool
    attributes: dict[str, object]


class SlotsView(msgspec.Struct, frozen=True, kw_only=True):
    """The slots that have room, by their beginnings in UTC."""

    slot_minutes: int
    slots: list[datetime]


class CatalogApi:
    """The API.

    Args:
        database: where it is read which slots are full.
        restaurants: finds restaurants.
        timetable: their hours and slots.
        views: rendered menus.
        clock: tells whether one is open now.
    """

    def __init__(
        self, database: Database, restaurants: RestaurantReader, timetable: Timetable, views: MenuViews, clock: Clock
    ) -> None:
        self._database = database
        self._restaurants = restaurants
        self._timetable = timetable
        self._views = views
        self._clock = clock

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the handlers."""
        not_modified = ResponseSpec(data_container=None, description="You have it already.", generate_examples=False)
        menu = ResponseSpec(data_container=MenuView, description="The menu.", generate_examples=False)
        return [
            get("/api/v1/restaurants/{slug:str}", tags=TAGS, summary="A restaurant")(self.restaurant),
            get(
                "/api/v1/restaurants/{slug:str}/menu",
                tags=TAGS,
                summary="The published menu",
                responses={200: menu, 304: not_modified},
            )(self.menu),
            get("/api/v1/restaurants/{slug:str}/slots", tags=TAGS, summary="The times that can be chosen")(self.slots),
        ]

    async def menu(self, request: Request[Any, Any, Any], slug: Slug) -> Response[Any]:
        """Return the published menu, prices in minor units, with an ETag for conditional requests."""
        rendered = self._views.of(await self._found(slug))
        headers = {"ETag": rendered.etag, "Cache-Control": CACHED}
        if has_it(request.headers.get("if-none-match"), rendered.etag):
            return Response(None, status_code=304, headers=headers)
        return Response(rendered.body, media_type="application/json", headers=headers)

    async def restaurant(self, slug: Slug) -> RestaurantView:
        """Return how and when the restaurant sells."""
        found = await self._found(slug)
        now = self._clock.now()
        trading = found.trading
        open_now = self._timetable.is_open(found, now)
        return RestaurantView(
            slug=found.slug,
            name=found.name,
            currency=found.currency,
            timezone=found.timezone,
            country=found.country,
            locale=found.locale,
            open_now=open_now,
            next_opening=None if open_now else self._timetable.next_opening(found, now),
            hours=trading.hours,
            fulfilments=trading.fulfilments,
            delivery_areas=trading.delivery_areas,
            slot_minutes=trading.slot_minutes,
            days_ahead=trading.days_ahead,
            tax_basis_points=trading.tax_basis_points,
            tax_included=trading.tax_included,
            attributes=found.attributes,
        )

    async def slots(self, slug: Slug, fulfilment: Fulfilment = "pickup") -> SlotsView:
        """Return the beginnings of the slots that can be chosen now and have room; the first thousand at most."""
        found = await self._found(slug)
        choices = self._timetable.choices(found, fulfilment, self._clock.now())
        capacity = found.trading.slot_capacity
        if capacity is not None and choices:
            end = choices[-1] + timedelta(minutes=found.trading.slot_minutes)
            full = await capacity_store.full_slots(self._database, found.id, choices[0], end, capacity)
            choices = [slot for slot in choices if slot not in full]
        return SlotsView(slot_minutes=found.trading.slot_minutes, slots=choices)

    async def _found(self, slug: str) -> Restaurant:
        found = await self._restaurants.by_slug(slug)
        if found is None:
            raise Refused("There is no restaurant at this address.", kind="not_found", code="restaurant-unknown")
        return found

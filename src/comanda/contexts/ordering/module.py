"""Ordering, as one value for `app.py`."""

from dataclasses import dataclass
from pathlib import Path

from litestar.handlers import HTTPRouteHandler

from comanda.contexts.ordering.api import express_routes, guest_routes, staff_routes
from comanda.contexts.ordering.cart_cookie import CartCookies
from comanda.contexts.ordering.checkout_pages import CheckoutPages
from comanda.contexts.ordering.consumers import Followers
from comanda.contexts.ordering.erasure import erasure
from comanda.contexts.ordering.guest_pages import GuestPages
from comanda.contexts.ordering.intake import Intake
from comanda.contexts.ordering.judging import Rules
from comanda.contexts.ordering.life import Life
from comanda.contexts.ordering.menu_index import MenuIndexes
from comanda.contexts.ordering.model import Base
from comanda.contexts.ordering.order_pages import OrderPages
from comanda.contexts.ordering.placing import Placer
from comanda.contexts.ordering.service import Ordering
from comanda.contexts.ordering.staff_pages import StaffOrderPages
from comanda.contracts.catalog import KitchenCapacity, RestaurantReader, Timetable
from comanda.contracts.module import Module
from comanda.contracts.promotions import CouponDesk
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.idempotency import Once, Seals
from comanda.engine.ids import Ids
from comanda.engine.lanes import Periodic
from comanda.web.access import StaffLink

TEMPLATES = Path(__file__).parent / "templates"

LINKS = (
    StaffLink(
        path="/staff/orders",
        title="Orders",
        purpose="The day's orders and sales, and each order's proof of once",
        roles=("kitchen", "operator"),
    ),
)

SWEEP_EVERY_S = 60.0
"""How often idempotency keys that were kept long enough are swept."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What ordering needs of others. `shows_test_cards` is whether the sandbox charges, and guests choose its cards."""

    database: Database
    log: EventLog
    restaurants: RestaurantReader
    capacity: KitchenCapacity
    coupons: CouponDesk
    timetable: Timetable
    seals: Seals
    rules: Rules
    once: Once
    clock: Clock
    ids: Ids
    shows_test_cards: bool = False


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Ordering's own objects, wired."""

    intake: Intake
    ordering: Ordering
    life: Life
    menus: MenuIndexes


def assemble(needs: Needs) -> Parts:
    """Wire ordering's objects."""
    menus = MenuIndexes()
    life = Life(
        needs.log,
        restaurants=needs.restaurants,
        capacity=needs.capacity,
        coupons=needs.coupons,
        seals=needs.seals,
    )
    intake = Intake(
        needs.database,
        Placer(needs.log, needs.seals, needs.capacity, needs.coupons, needs.rules),
        restaurants=needs.restaurants,
        coupons=needs.coupons,
        timetable=needs.timetable,
        menus=menus,
        seals=needs.seals,
        rules=needs.rules,
        clock=needs.clock,
        ids=needs.ids,
    )
    ordering = Ordering(
        needs.database,
        needs.log,
        life,
        needs.once,
        restaurants=needs.restaurants,
        coupons=needs.coupons,
        timetable=needs.timetable,
        menus=menus,
        seals=needs.seals,
        rules=needs.rules,
        clock=needs.clock,
        ids=needs.ids,
    )
    return Parts(intake=intake, ordering=ordering, life=life, menus=menus)


def pages(needs: Needs, parts: Parts) -> list[HTTPRouteHandler]:
    """Wire ordering's pages and return their handlers."""
    carts = CartCookies(needs.seals, secure=needs.rules.public_url.startswith("https://"))
    guests = GuestPages(needs.restaurants, needs.timetable, parts.menus, carts, needs.clock)
    checkout = CheckoutPages(
        parts.intake,
        parts.ordering,
        needs.timetable,
        parts.menus,
        carts,
        shows_test_cards=needs.shows_test_cards,
        clock=needs.clock,
        ids=needs.ids,
    )
    staff = StaffOrderPages(parts.ordering, needs.restaurants, needs.clock, needs.ids)
    return [*guests.routes(), *checkout.routes(), *OrderPages(parts.ordering).routes(), *staff.routes()]


def build(needs: Needs) -> Module:
    """Build the context of ordering."""
    parts = assemble(needs)
    return Module(
        name="ordering",
        routes=[
            *guest_routes(parts.intake, parts.ordering),
            *staff_routes(parts.ordering),
            *pages(needs, parts),
        ],
        express=express_routes(parts.intake),
        consumers=[*Followers(parts.life, needs.clock).consumers(), erasure(needs.log)],
        periodic=[Periodic(name="ordering.sweep_keys", every_s=SWEEP_EVERY_S, run=needs.once.sweep)],
        services=[parts.intake],
        tables=Base.metadata,
        templates=TEMPLATES,
        staff_links=LINKS,
    )

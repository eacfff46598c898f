"""Ordering, as one value for `app.py`."""

from dataclasses import dataclass

from comanda.contexts.ordering.api import guest_routes, staff_routes
from comanda.contexts.ordering.consumers import Followers
from comanda.contexts.ordering.intake import Intake
from comanda.contexts.ordering.judging import Rules
from comanda.contexts.ordering.life import Life
from comanda.contexts.ordering.menu_index import MenuIndexes
from comanda.contexts.ordering.model import Base
from comanda.contexts.ordering.placing import Placer
from comanda.contexts.ordering.service import Ordering
from comanda.contracts.catalog import KitchenCapacity, RestaurantReader, Timetable
from comanda.contracts.module import Module
from comanda.contracts.promotions import CouponDesk
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.idempotency import Once, Seals
from comanda.engine.ids import Ids
from comanda.engine.lanes import Periodic

SWEEP_EVERY_S = 60.0
"""How often idempotency keys that were kept long enough are swept."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What ordering needs of others."""

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


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Ordering's own objects, wired."""

    intake: Intake
    ordering: Ordering
    life: Life


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
    return Parts(intake=intake, ordering=ordering, life=life)


def build(needs: Needs) -> Module:
    """Build the context of ordering."""
    parts = assemble(needs)
    return Module(
        name="ordering",
        routes=[*guest_routes(parts.intake, parts.ordering), *staff_routes(parts.ordering)],
        consumers=Followers(parts.life, needs.clock).consumers(),
        periodic=[Periodic(name="ordering.sweep_keys", every_s=SWEEP_EVERY_S, run=needs.once.sweep)],
        services=[parts.intake],
        tables=Base.metadata,
    )

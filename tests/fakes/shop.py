"""A shop for tests: one restaurant with a small menu on a real database, and ordering wired as in the house."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from comanda.contexts.catalog.capacity import ReservedCapacity
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.contexts.catalog.timetable import RestaurantTimetable
from comanda.contexts.ordering.form import PlaceOrder
from comanda.contexts.ordering.judging import Rules
from comanda.contexts.ordering.module import Needs, Parts, assemble
from comanda.contexts.promotions.desk import Coupons
from comanda.contracts.catalog import Category, Item, Menu, MenuOption, OptionGroup, Restaurant, Trading
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.engine.idempotency import Answer, Once, Seals
from comanda.engine.ids import Ids, RandomIds

RESTAURANT = UUID(int=7)
SLUG = "osteria"
SECRET = b"a secret of thirty-two bytes, or more"

SIZE = OptionGroup(
    id="size",
    name="Size",
    min=1,
    max=1,
    options=(MenuOption(id="small", name="Small", default=True), MenuOption(id="large", name="Large", price=300)),
)

MENU = Menu(
    version=1,
    currency="EUR",
    categories=(
        Category(
            id="pizza",
            name="Pizza",
            items=(
                Item(id="margherita", name="Margherita", price=900, option_groups=(SIZE,)),
                Item(id="special", name="Special of the day", price=1500, daily_stock=10),
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A restaurant with its ordering."""

    database: Database
    restaurants: Restaurants
    catalog: Catalog
    log: EventLog
    seals: Seals
    parts: Parts
    needs: Needs

    async def place(self, form: dict[str, Any], *, key: str | None = None, caller: str = "guest") -> Answer:
        """Send a form as JSON."""
        body = msgspec.json.encode(form)
        return await self.parts.intake.place(msgspec.json.decode(body, type=PlaceOrder), body, key=key, caller=caller)

    async def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        number: int = await self.database.fetch_value(f"SELECT count(*) FROM {table}")
        return number


def order_form(**changes: Any) -> dict[str, Any]:
    """Return a good form, with changes."""
    form: dict[str, Any] = {
        "restaurant": SLUG,
        "customer": {"name": "Ann Lee", "email": "ann@example.com", "phone": "+39 06 6982 1234"},
        "fulfilment": {"type": "pickup"},
        "lines": [{"item": "margherita", "quantity": 2}],
    }
    form.update(changes)
    return form


def identity(answer: Answer) -> UUID:
    """Return the id of the order that an answer speaks of."""
    return UUID(msgspec.json.decode(answer.body)["id"])


@asynccontextmanager
async def open_shop(
    database: Database,
    clock: Clock,
    *,
    ids: Ids | None = None,
    trading: Trading | None = None,
    found: bool = True,
    attributes_schema: dict[str, object] | None = None,
) -> AsyncIterator[Shop]:
    """Found the restaurant (unless another process has) and open it."""
    ids = ids or RandomIds()
    seals = Seals(SECRET)
    log = EventLog(Waker(database))
    restaurants = Restaurants(database, clock)
    catalog = Catalog(log, clock, restaurants)
    rules = Rules(window=timedelta(hours=2), keep=timedelta(hours=24), public_url="https://osteria.example")
    if found:
        restaurant = Restaurant(
            id=RESTAURANT,
            slug=SLUG,
            name="Osteria",
            currency="EUR",
            timezone="Europe/Rome",
            country="IT",
            locale="it_IT",
            revision=1,
            trading=trading or Trading(),
            menu=MENU,
            attributes_schema=attributes_schema or {},
        )
        async with database.transaction() as tx:
            await catalog.create(tx, restaurant)
    needs = Needs(
        database=database,
        log=log,
        restaurants=restaurants,
        capacity=ReservedCapacity(),
        coupons=Coupons(database, clock),
        timetable=RestaurantTimetable(),
        seals=seals,
        rules=rules,
        once=Once(database, clock),
        clock=clock,
        ids=ids,
    )
    parts = assemble(needs)
    await parts.intake.start()
    try:
        yield Shop(
            database=database,
            restaurants=restaurants,
            catalog=catalog,
            log=log,
            seals=seals,
            parts=parts,
            needs=needs,
        )
    finally:
        await parts.intake.stop()


async def add_coupon(database: Database, code: str, *, total: int | None = None, guest: int | None = None) -> None:
    """Add a coupon of ten percent."""
    await database.fetch(
        """
        INSERT INTO promotions.coupons (id, restaurant_id, code, kind, value, total_limit, guest_limit)
        VALUES ($1, $2, $3, 'percentage', 1000, $4, $5)
        """,
        RandomIds().new(),
        RESTAURANT,
        code,
        total,
        guest,
    )


def outcomes(results: Sequence[object], kind: type) -> list[Any]:
    """Return the results of that kind."""
    return [result for result in results if isinstance(result, kind)]

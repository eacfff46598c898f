"""Filling a database for its first start: the demo restaurant, and an account to begin with."""

from comanda.contexts.catalog.demo import seed_demo as seed_demo_restaurant
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.contexts.promotions.demo import seed_demo as seed_demo_coupon
from comanda.contexts.promotions.service import Promotions
from comanda.engine.database import Transaction
from comanda.house import House, build_house
from comanda.prepared import Prepared
from comanda.settings import Settings

FIRST_EMAIL = "owner@{slug}.example"

RESTAURANTS = "SELECT id, slug FROM catalog.restaurants ORDER BY created_at, id"


async def seed(settings: Settings, *, demo: bool, first_account: bool) -> Prepared:
    """Make the demo restaurant where there is none at all, and an owner's account where the first has none.

    Returns what there is and what was made; the password of a new account is told this once.
    """
    house = build_house(settings, role="seed", connections=2)
    async with house.opened():
        return await house.database.run(lambda tx: _seed(tx, house, demo=demo, first_account=first_account))


async def _seed(tx: Transaction, house: House, *, demo: bool, first_account: bool) -> Prepared:
    if demo:
        catalog = Catalog(house.log, house.clock, Restaurants(house.database, house.clock))
        made = await seed_demo_restaurant(tx, catalog, house.ids)
        if made is not None:
            await seed_demo_coupon(tx, Promotions(house.ids), made)
    restaurants = await tx.fetch(RESTAURANTS)
    email = password = None
    if first_account and restaurants:
        first = restaurants[0]
        email = FIRST_EMAIL.format(slug=first["slug"])
        password = await house.desk.create_first_account(tx, first["id"], email=email, name="Owner")
    return Prepared(
        restaurants=tuple(row["slug"] for row in restaurants),
        email=email if password is not None else None,
        password=password,
    )

"""The restaurant of a replay, and the staff's token with which its menu is published.

Where the database is in reach, each replay founds a restaurant of its own there, always open, with an account of its
own. Elsewhere it takes over the restaurant of an account that it is given.
"""

import msgspec

from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.contracts.catalog import Category, Item, Menu, Restaurant, Trading
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.house import House
from comanda.replay.client import Client
from comanda.replay.errors import ReplayError

SOON = (Category(id="soon", name="Soon", items=(Item(id="soon", name="Soon", price=0),)),)
"""What stands on the menu until the file's own is published."""

LOOKS = 24
"""Times that the menu is asked for, on as many connections, until every web process surely has the new one."""

PAUSE_S = 0.25
LOOK_ROUNDS = 40

TRADING = Trading(fulfilments=("pickup",), lead_minutes={"pickup": 15}, tax_basis_points=0)


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where orders are placed, and the token that lets its menu be changed."""

    slug: str
    token: str


async def found_restaurant(house: House, name: str) -> Door:
    """Found a restaurant with an owner's account in the database; `house` is opened."""
    tag = house.ids.new().hex[-12:]
    slug = f"replay-{tag}"
    restaurant = Restaurant(
        id=house.ids.new(),
        slug=slug,
        name=name,
        currency="USD",
        timezone="America/New_York",
        country="US",
        locale="en_US",
        revision=1,
        trading=TRADING,
        menu=Menu(version=1, currency="USD", categories=SOON),
    )
    email = f"owner@{slug}.example"
    catalog = Catalog(house.log, house.clock, Restaurants(house.database, house.clock))

    async def found(tx: Transaction) -> str | None:
        await catalog.create(tx, restaurant)
        return await house.desk.create_first_account(tx, restaurant.id, email=email, name="Replay")

    password = await house.database.run(found)
    signed_in = await house.desk.sign_in(email, password or "", address=slug, program=True)
    return Door(slug=slug, token=signed_in.token)


async def sign_in(client: Client, slug: str, *, email: str, password: str) -> Door:
    """Sign in over HTTP at a restaurant that is there."""
    credentials = msgspec.json.encode({"email": email, "password": password})
    status, body = await client.call("POST", "/api/v1/staff/tokens", body=credentials)
    if status not in {200, 201}:
        raise ReplayError(f"Signing in as {email} was refused: {_detail(body)}")
    return Door(slug=slug, token=msgspec.json.decode(body, type=dict[str, object])["token"])  # type: ignore[arg-type]


async def publish(client: Client, door: Door, categories: tuple[Category, ...], clock: Clock) -> None:
    """Publish a menu over HTTP, and wait until guests see it wherever they ask."""
    menu = msgspec.json.encode({"categories": categories})
    status, body = await client.call("PUT", "/api/v1/staff/menu/draft", body=menu, token=door.token)
    if status != 200:  # noqa: PLR2004 - HTTP's OK
        raise ReplayError(f"The file's menu was refused: {_detail(body)}")
    version = msgspec.json.decode(body, type=dict[str, object])["version"]
    status, body = await client.call("POST", f"/api/v1/staff/menu/versions/{version}/publish", token=door.token)
    if status != 204:  # noqa: PLR2004 - HTTP's No Content
        raise ReplayError(f"The file's menu cannot be published: {_detail(body)}")
    for _ in range(LOOK_ROUNDS):
        if all([await _shows(client, door.slug, version) for _ in range(LOOKS)]):
            return
        await clock.sleep(PAUSE_S)
    raise ReplayError(f"The menu of {door.slug} does not become version {version}: is this the account's restaurant?")


async def _shows(client: Client, slug: str, version: object) -> bool:
    status, body = await client.call("GET", f"/api/v1/restaurants/{slug}/menu")
    return status == 200 and msgspec.json.decode(body, type=dict[str, object])["version"] == version  # noqa: PLR2004


def _detail(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        return body[:200].decode(errors="replace")
    return f"{told.get('detail', '')} {told.get('errors', '')}"[:600].strip()

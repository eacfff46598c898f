"""The catalog's and the coupons' doors, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar

from comanda.contexts.catalog import module as catalog_module
from comanda.contexts.catalog.demo import seed_demo
from comanda.contexts.catalog.examples import MENU_EXAMPLE, SETTINGS_EXAMPLE
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.contexts.promotions import module as promotions_module
from comanda.contexts.promotions.api import TERMS_EXAMPLE
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.web.access import Role, StaffMember
from comanda.web.site import Site
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds

MENU = "/api/v1/restaurants/demo/menu"
DRAFT = "/api/v1/staff/menu/draft"
SOLD_OUT = "/api/v1/staff/menu/sold-out"

SOUP = {"categories": [{"id": "all", "name": "All", "items": [{"id": "soup", "name": "Soup", "price": 500}]}]}


class Sessions:
    """A token is the role it gives."""

    def __init__(self, restaurant_id: UUID) -> None:
        self._restaurant_id = restaurant_id

    async def member(self, token: str) -> StaffMember | None:
        """Return a member of the role that the token names."""
        roles: frozenset[Role] = frozenset({msgspec.convert(token, Role)})
        return StaffMember(
            id=UUID(int=7), restaurant_id=self._restaurant_id, name="Ana", email="ana@example.org", roles=roles
        )


@pytest.fixture
async def demo(database: Database, catalog: Catalog, ids: SeededIds) -> UUID:
    """The demo restaurant's id."""
    seeded = await database.run(lambda tx: seed_demo(tx, catalog, ids))
    assert seeded is not None
    return seeded


@pytest.fixture
async def client(
    database: Database, log: EventLog, clock: FakeClock, ids: SeededIds, demo: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that has these two contexts only."""
    restaurants = Restaurants(database, clock)
    site = Site(secret=b"x" * 32, public_url="http://localhost", ids=ids, templates={})
    modules = [
        catalog_module.build(database=database, log=log, clock=clock, restaurants=restaurants),
        promotions_module.build(database=database, ids=ids),
    ]
    app = Litestar(
        [route for module in modules for route in module.routes],
        exception_handlers=site.exception_handlers(),
        middleware=site.middleware(Sessions(demo)),
        template_config=site.template_config(),
        logging_config=None,
    )
    # Litestar's own test client runs the app on another loop than the database's connections.
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(cast("Any", app)), base_url="http://localhost"
    ) as client:
        yield client


def signed_in(role: Role = "owner") -> dict[str, str]:
    """Return the headers of a member of staff."""
    return {"Authorization": f"Bearer {role}"}


async def test_the_menu_has_the_promised_shape(client: httpx.AsyncClient) -> None:
    """Version, currency, categories, items, groups, options: every member is there, zeros among them."""
    menu = (await client.get(MENU)).json()
    assert menu["currency"] == "EUR"
    assert menu["version"] == 1
    items = [item for category in menu["categories"] for item in category["items"]]
    for category in menu["categories"]:
        assert {"id", "name", "items"} <= category.keys()
    for item in items:
        assert {"id", "name", "price", "option_groups"} <= item.keys()
        for group in item["option_groups"]:
            assert {"id", "name", "min", "max", "options"} <= group.keys()
            for option in group["options"]:
                assert {"id", "name", "price"} <= option.keys()
                assert isinstance(option["price"], int)


async def test_a_menu_that_one_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    """The same tag is answered 304 without a body; what is sold out changes the tag."""
    first = await client.get(MENU)
    tag = first.headers["etag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get(MENU, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await client.get(MENU, headers={"If-None-Match": '"other"'})).status_code == 200
    assert (await client.put(f"{SOLD_OUT}/croquetas", headers=signed_in("kitchen"))).status_code == 204
    changed = await client.get(MENU, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    sold_out = [i["id"] for c in changed.json()["categories"] for i in c["items"] if i["sold_out"]]
    assert sold_out == ["croquetas"]
    for _ in range(2):
        assert (await client.delete(f"{SOLD_OUT}/croquetas", headers=signed_in("kitchen"))).status_code == 204
    assert (await client.get(MENU)).headers["etag"] == tag


async def test_unknown_restaurants_are_problems(client: httpx.AsyncClient) -> None:
    """404 as a problem document, whatever is asked for."""
    for slug in ("nobody", "%00", "%F0%9F%8D%95", "x" * 90):
        answer = await client.get(f"/api/v1/restaurants/{slug}/menu")
        assert answer.status_code == 404, slug
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_restaurant_tells_when_it_sells(client: httpx.AsyncClient, database: Database, demo: UUID) -> None:
    """Open now, the slots with room, and full ones left out."""
    assert (await client.get("/api/v1/restaurants/demo")).json()["open_now"] is True
    slots = (await client.get("/api/v1/restaurants/demo/slots", params={"fulfilment": "delivery"})).json()["slots"]
    assert slots[0] == "2025-06-02T12:45:00Z"
    settings = (await client.get("/api/v1/staff/restaurant", headers=signed_in())).json()
    settings["trading"]["slot_capacity"] = 1
    assert (await client.put("/api/v1/staff/restaurant", json=settings, headers=signed_in())).status_code == 200
    await database.fetch("INSERT INTO catalog.kitchen_slots VALUES ($1, timestamptz '2025-06-02 12:45Z', 1, 1)", demo)
    with_room = (await client.get("/api/v1/restaurants/demo/slots", params={"fulfilment": "delivery"})).json()["slots"]
    assert with_room[0] == "2025-06-02T13:00:00Z"
    assert (await client.get("/api/v1/restaurants/demo/slots?fulfilment=drone")).status_code == 422


async def test_a_menu_is_drafted_and_published_over_http(client: httpx.AsyncClient) -> None:
    """Draft, conflict, publish, publish again: the menu is the new one, once."""
    saved = await client.put(DRAFT, json=SOUP, headers=signed_in() | {"If-Match": '"0"'})
    assert saved.status_code == 200
    assert saved.headers["etag"] == '"1"'
    version = saved.json()["version"]
    other = await client.put(DRAFT, json={"categories": []}, headers=signed_in() | {"If-Match": '"0"'})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/draft-changed")
    for _ in range(2):
        published = await client.post(f"/api/v1/staff/menu/versions/{version}/publish", headers=signed_in())
        assert published.status_code == 204
    menu = (await client.get(MENU)).json()
    assert (menu["version"], menu["categories"][0]["items"][0]["price"]) == (version, 500)
    versions = (await client.get("/api/v1/staff/menu/versions", headers=signed_in("kitchen"))).json()
    assert [(v["version"], v["state"]) for v in versions] == [(2, "published"), (1, "published")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", DRAFT, b"{", 400),
        ("PUT", DRAFT, b'{"categories": [{"id": 1}]}', 422),
        ("PUT", DRAFT, b'{"categories": [{"id": "a", "name": "\\u0000"}]}', 422),
        ("PUT", DRAFT, b'{"categories": [{"id": "a", "name": "\\ud800"}]}', 400),
        ("GET", DRAFT, b"", 404),
        ("DELETE", DRAFT, b"", 204),
        ("POST", "/api/v1/staff/menu/versions/99/publish", b"", 404),
        ("POST", "/api/v1/staff/menu/versions/99999999999/publish", b"", 422),
        ("POST", "/api/v1/staff/menu/versions/0/publish", b"", 422),
        ("PUT", f"{SOLD_OUT}/nothing", b"", 404),
        ("DELETE", f"{SOLD_OUT}/%00", b"", 204),
        ("PUT", "/api/v1/staff/restaurant", b"{}", 422),
        ("PUT", "/api/v1/staff/coupons/%00", b'{"kind": "amount", "value": 1}', 422),
        ("PUT", "/api/v1/staff/coupons/X", b'{"kind": "amount", "value": -1}', 422),
        ("PUT", "/api/v1/staff/coupons/X", b'{"kind": "amount", "value": 1, "ends_at": "2025-01-01T00:00:00"}', 422),
    ],
)
async def test_bad_input_of_staff_is_told_as_a_problem(
    client: httpx.AsyncClient, method: str, path: str, body: bytes, status: int
) -> None:
    """Never a 500, whatever is sent."""
    answer = await client.request(method, path, content=body, headers=signed_in())
    assert answer.status_code == status, answer.text


async def test_coupons_are_made_twice_and_are_there_once(client: httpx.AsyncClient) -> None:
    """The same terms again change nothing."""
    terms = {"kind": "percentage", "value": 2000, "total_limit": 5}
    for code in ("summer", "SUMMER"):
        answer = await client.put(f"/api/v1/staff/coupons/{code}", json=terms, headers=signed_in("marketer"))
        assert answer.status_code == 204
    (coupon,) = (await client.get("/api/v1/staff/coupons", headers=signed_in("marketer"))).json()
    assert (coupon["code"], coupon["redeemed"], coupon["terms"]["value"]) == ("SUMMER", 0, 2000)


async def test_doors_open_for_their_roles_only(client: httpx.AsyncClient) -> None:
    """Nobody: 401. The wrong role: 403. The owner may do everything."""
    calls: list[tuple[str, str, Role | None, int]] = [
        ("GET", "/api/v1/staff/restaurant", None, 401),
        ("GET", "/api/v1/staff/restaurant", "kitchen", 403),
        ("GET", "/api/v1/staff/restaurant", "owner", 200),
        ("PUT", DRAFT, "marketer", 403),
        ("PUT", f"{SOLD_OUT}/soup", "marketer", 403),
        ("GET", "/api/v1/staff/coupons", "kitchen", 403),
        ("GET", "/api/v1/staff/coupons", "owner", 200),
    ]
    for method, path, role, status in calls:
        headers = signed_in(role) if role is not None else {}
        answer: httpx.Response = await client.request(method, path, headers=headers)
        assert answer.status_code == status, (method, path, role)


async def test_the_openapi_document_describes_the_menu(client: httpx.AsyncClient) -> None:
    """The answer is described with its members, and that it may be 304."""
    schema = (await client.get("/schema/openapi.json")).json()
    described = schema["paths"]["/api/v1/restaurants/{slug}/menu"]["get"]["responses"]
    assert described["200"]["content"]["application/json"]["schema"]["$ref"].endswith("MenuView")
    assert "304" in described
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]["examples"]
        for path in schema["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    ]
    assert len(bodies) == 3


async def test_the_examples_in_the_document_work(client: httpx.AsyncClient) -> None:
    """What is shown can be sent."""
    for path, example in (
        (DRAFT, MENU_EXAMPLE),
        ("/api/v1/staff/restaurant", SETTINGS_EXAMPLE),
        ("/api/v1/staff/coupons/FIRST500", TERMS_EXAMPLE),
    ):
        answer = await client.put(path, json=example.examples[0].value, headers=signed_in())
        assert answer.status_code in {200, 204}, answer.text
    assert (await client.post("/api/v1/staff/menu/versions/2/publish", headers=signed_in())).status_code == 204

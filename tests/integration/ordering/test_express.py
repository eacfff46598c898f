"""The way past the framework gives the answers that the framework gives."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from comanda.contexts.ordering.api import express_routes, guest_routes
from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.web.access import StaffMember
from comanda.web.express import Express
from tests.fakes.clock import FakeClock
from tests.fakes.front import front
from tests.fakes.shop import Shop, open_shop, order_form

PATH = "/api/v1/orders"
JSON = {"Content-Type": "application/json"}


class Nobody:
    """Nobody is signed in."""

    async def member(self, _: str) -> StaffMember | None:
        """Return None."""
        return None


@pytest.fixture
async def shop(database: Database, clock: FakeClock) -> AsyncIterator[Shop]:
    """A shop in one process."""
    async with open_shop(database, clock) as opened:
        yield opened


@pytest.fixture
async def ways(shop: Shop) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of the express way and of the framework alone."""
    module = Module(name="ordering", routes=guest_routes(shop.parts.intake, shop.parts.ordering))
    framework = front([module], Nobody())
    express = Express(framework, express_routes(shop.parts.intake))
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, client=("203.0.113.7", 5000)),  # type: ignore[arg-type]  # the same ASGI
            base_url="https://osteria.example",
        )
        for app in (express, framework)
    ]
    async with clients[0] as quick, clients[1] as slow:
        yield quick, slow


REQUESTS: list[tuple[str, bytes, dict[str, str]]] = [
    ("no JSON", b"{", JSON),
    ("no body", b"", JSON),
    ("not UTF-8", b'{"restaurant": "\xff"}', JSON),
    ("wrong type", msgspec.json.encode(order_form(tip="much")), JSON),
    ("missing", b"{}", JSON),
    ("unknown restaurant", msgspec.json.encode(order_form(restaurant="nowhere")), JSON),
    ("bad e-mail", msgspec.json.encode(order_form(customer={"name": "Ann", "email": "nobody"})), JSON),
    ("empty key", msgspec.json.encode(order_form()), {**JSON, "Idempotency-Key": ""}),
    ("long key", msgspec.json.encode(order_form()), {**JSON, "Idempotency-Key": "k" * 256}),
    ("too large", b" " * (1024 * 1024 + 1), JSON),
    ("price changed", msgspec.json.encode(order_form(expected_total=1)), JSON),
]


@pytest.mark.parametrize(("body", "headers"), [pytest.param(b, h, id=name) for name, b, h in REQUESTS])
async def test_refusals_are_the_same(
    ways: tuple[httpx.AsyncClient, httpx.AsyncClient], shop: Shop, body: bytes, headers: dict[str, str]
) -> None:
    """Whatever is wrong with a request, it is told the same by both, and nothing is stored."""
    quick, slow = [await client.post(PATH, content=body, headers=headers) for client in ways]
    assert 400 <= quick.status_code < 500
    assert (quick.status_code, quick.json()) == (slow.status_code, slow.json())
    assert quick.headers["content-type"] == slow.headers["content-type"]
    assert await shop.count("ordering.orders") == 0


async def test_an_order_placed_by_one_way_is_replayed_by_the_other(
    ways: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    """The answer is the same to the byte, and so are the headers that speak of it."""
    for number, (first, second) in enumerate([ways, ways[::-1]]):
        form: dict[str, Any] = {
            "json": order_form(note=f"note {number}"),
            "headers": {"Idempotency-Key": f'"k{number}"'},
        }
        placed, replayed = await first.post(PATH, **form), await second.post(PATH, **form)
        assert (placed.status_code, placed.content) == (replayed.status_code, replayed.content)
        assert placed.status_code == 201
        assert placed.headers["location"] == replayed.headers["location"]
        assert "idempotent-replayed" not in placed.headers
        assert replayed.headers["idempotent-replayed"] == "true"


async def test_what_fails_on_the_way_is_left_to_the_framework(
    ways: tuple[httpx.AsyncClient, httpx.AsyncClient], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw is logged and answered by the framework: a 500 that names an id."""

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(shop.parts.intake, "place", fail)
    answer = await ways[0].post(PATH, json=order_form())
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal-error"


async def test_a_body_in_pieces_is_one_body(ways: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    """A chunked request is read whole."""
    body = msgspec.json.encode(order_form())

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50):
            yield body[start : start + 50]

    assert (await ways[0].post(PATH, content=pieces(), headers=JSON)).status_code == 201

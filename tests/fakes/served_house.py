"""One web process on a database of its own, with restaurants to try everything at."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.contracts.catalog import DeliveryArea, Restaurant, Trading, Window
from comanda.engine.clock import SystemClock
from comanda.environment import as_environ
from comanda.house import build_house
from comanda.processes.ports import answers, listener, port_of
from comanda.seeding import seed
from comanda.settings import Settings
from tests.fakes.shop import MENU

STORED = (
    "ordering.orders",
    "ordering.order_lines",
    "ordering.timeline",
    "engine.idempotency_keys",
    "engine.events",
    "catalog.reservations",
    "promotions.redemptions",
    "payments.payments",
)
"""Where a trace of an order would be."""

ORDER_ATTRIBUTES: dict[str, object] = {
    "type": "object",
    "properties": {"floor": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class ServedHouse:
    """A running web process.

    Attributes:
        address: where it listens.
        database_url: what it works on.
        password: of the owner of the demo restaurant.
        token: of the owner of the demo restaurant, for `Authorization: Bearer`.
    """

    address: str
    database_url: str
    password: str
    token: str

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client of the house."""
        return httpx.AsyncClient(base_url=self.address, headers=headers, timeout=30)

    def staff_client(self) -> httpx.AsyncClient:
        """Return a client that is signed in as the demo restaurant's owner."""
        return self.client(authorization=f"Bearer {self.token}")

    async def stored(self) -> dict[str, int]:
        """Return the number of rows in each table where a trace of an order would be."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in STORED}
        finally:
            await connection.close()


@contextlib.asynccontextmanager
async def served_house(database_url: str, data: Path) -> AsyncIterator[ServedHouse]:
    """Fill a migrated database with restaurants and serve it by `comanda serve`."""
    with listener("127.0.0.1", 0) as reserved:
        settings = Settings(data=data, port=port_of(reserved), database_url=database_url)
        prepared = await seed(settings, demo=True, first_account=True)
        await _found_restaurants(settings)
        with (data / "serve.log").open("w") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "comanda", "serve", env={**os.environ, **as_environ(settings)}, stderr=log
            )
            try:
                await _ready(settings, process)
                async with httpx.AsyncClient(base_url=settings.address) as client:
                    form = {"email": prepared.email, "password": prepared.password}
                    token = (await client.post("/api/v1/staff/tokens", json=form)).json()["token"]
                yield ServedHouse(
                    address=settings.address, database_url=database_url, password=prepared.password or "", token=token
                )
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                await process.wait()


async def _ready(settings: Settings, process: asyncio.subprocess.Process) -> None:
    clock = SystemClock()
    until = clock.monotonic() + 60
    while not await answers("127.0.0.1", settings.port, "/readyz"):
        assert process.returncode is None, "The web process ended."
        assert clock.monotonic() < until, "The web process does not become ready."
        await clock.sleep(0.05)


async def _found_restaurants(settings: Settings) -> None:
    """Found `osteria` (open, delivers nearby), `closed` (opens in three days) and `tiny` (one order per slot)."""
    house = build_house(settings, role="test", connections=2)
    in_three_days = (house.clock.now() + timedelta(days=3)).isoweekday()
    area = DeliveryArea(id="near", name="Nearby", postcodes=("001*",), fee=200, minimum=1500)
    kinds: dict[str, Trading] = {
        "osteria": Trading(delivery_areas=(area,), fulfilments=("pickup", "delivery")),
        "closed": Trading(hours=(Window(days=(in_three_days,), start="12:00", end="14:00"),)),
        "tiny": Trading(slot_capacity=1),
    }
    async with house.opened():
        catalog = Catalog(house.log, house.clock, Restaurants(house.database, house.clock))
        for number, (slug, trading) in enumerate(kinds.items(), start=100):
            restaurant = Restaurant(
                id=UUID(int=number),
                slug=slug,
                name=slug.title(),
                currency="EUR",
                timezone="Europe/Rome",
                country="IT",
                locale="it_IT",
                revision=1,
                trading=trading,
                menu=MENU,
                attributes_schema={"order": ORDER_ATTRIBUTES},
            )
            await house.database.run(lambda tx, made=restaurant: catalog.create(tx, made))  # type: ignore[misc]


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document of an answer, having looked at its form."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert problem["detail"].rstrip()[-1] in ".!?", problem
    for error in problem.get("errors", ()):
        assert set(error) == {"path", "message"}
        assert error["message"].rstrip()[-1] in ".!?", problem
    return problem

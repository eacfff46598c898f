"""A house in which orders have been placed, paid, cooked, cancelled and given back, and all is drained.

It is made once, by the real lanes with a real provider and a real mailbox; each test gets a copy of its own to spoil.
"""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn

from comanda.contexts.kitchen.service import Kitchen
from comanda.contexts.payments.sandbox.app import build_app
from comanda.contracts.catalog import Trading
from comanda.engine.database import Database
from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.engine.lanes import Worker
from comanda.engine.lanes.backlog import backlogs
from comanda.house import House, build_house
from comanda.installation import derived_secret
from comanda.mail.mailbox.server import Mailbox
from comanda.settings import Settings
from comanda.web.access import StaffMember
from tests.fakes.shop import RESTAURANT, Shop, add_coupon, open_shop, order_form

PATIENCE_S = 60.0
DECLINED = "pm_card_visa_chargeDeclined"
OWNER = StaffMember(
    id=RESTAURANT, restaurant_id=RESTAURANT, name="Ann", email="ann@example.com", roles=frozenset({"owner"})
)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the test decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def sandbox(settings: Settings) -> AsyncIterator[Settings]:
    """Run the provider on the books in the data directory; lend the settings with its address."""
    app = build_app(settings.data, secret_key=derived_secret(settings, "sandbox key"))
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield _with(settings, payments_url=f"sandbox://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        await serving


def _with(settings: Settings, **changes: Any) -> Settings:
    values = {field: getattr(settings, field) for field in Settings.__struct_fields__}
    return Settings(**{**values, **changes})


def settings_of(data: Path, database_url: str) -> Settings:
    """Return the settings of a house on that data directory and database."""
    return Settings(data=data, database_url=database_url, secret="a secret that is known to all tests of the audit")


class Scenes:
    """Makes the scene, and copies of it."""

    def __init__(self, postgres: EmbeddedPostgres, folder: Path) -> None:
        self._postgres = postgres
        self._folder = folder
        self._copies = 0
        self._data = folder / "scene"

    async def make(self, template: str) -> None:
        """Make the scene."""
        await self._run(f"CREATE DATABASE audit_scene TEMPLATE {template} STRATEGY FILE_COPY")
        mailbox = Mailbox(self._data, smtp_port=0, http_port=0)
        await mailbox.start()
        try:
            async with sandbox(settings_of(self._data, self._url("audit_scene"))) as settings:
                await _play(build_house(_with(settings, mail_url=mailbox.url), role="scene"))
        finally:
            await mailbox.stop()

    @contextlib.asynccontextmanager
    async def copy(self) -> AsyncIterator["Scene"]:
        """Lend a copy."""
        self._copies += 1
        name = f"audit_{self._copies}"
        data = self._folder / name
        shutil.copytree(self._data, data)
        await self._run(f"CREATE DATABASE {name} TEMPLATE audit_scene STRATEGY FILE_COPY")
        try:
            yield Scene(settings_of(data, self._url(name)))
        finally:
            await self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _url(self, name: str) -> str:
        return self._postgres.url.replace("/comanda?", f"/{name}?")

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self._postgres.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class Scene:
    """One copy: its settings, and the house that stands on it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def execute(self, *statements: str) -> None:
        """Run statements in the database, each on its own."""
        connection = await asyncpg.connect(self.settings.database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def house(self) -> AsyncIterator[House]:
        """Open the house, with its provider."""
        async with sandbox(self.settings) as settings:
            house = build_house(settings, role="audit", connections=2)
            async with house.opened():
                yield house


async def _play(house: House) -> None:
    worker = Worker(house.database, house.catalogue, house.consumers, clock=house.clock, ids=house.ids, poll_s=0.05)
    trading = Trading(slot_capacity=50)
    async with house.opened([worker]), open_shop(house.database, house.clock, trading=trading) as shop:
        await add_coupon(house.database, "SAVE", total=10, guest=5)
        await _place_all(shop)
        await _drained(house)
        await _cancel_and_refund(shop)
        await _accept(house, shop)
        await _drained(house)


async def _place_all(shop: Shop) -> None:
    special = [{"item": "special", "quantity": 2}]
    forms: dict[str, dict[str, Any]] = {
        "plain": {},
        "coupon": {"coupon": "SAVE"},
        "stock": {"lines": special},
        "cancelled": {"lines": special, "coupon": "SAVE"},
        "declined": {"lines": special, "coupon": "SAVE", "payment": {"method": DECLINED}},
        "refunded": {"tip": 100},
        "accepted": {},
    }
    for note, changes in forms.items():
        answer = await shop.place(order_form(note=note, **changes), key=f"key of {note}")
        assert answer.status == 201
        assert (await shop.place(order_form(note=note, **changes), key=f"key of {note}")).replayed


async def _cancel_and_refund(shop: Shop) -> None:
    ordering = shop.parts.ordering
    cancelled, refunded = [await _order(shop.database, note) for note in ("cancelled", "refunded")]
    await ordering.cancel(RESTAURANT, cancelled, "no fish today", member_id=OWNER.id, key=None)
    await ordering.refund(RESTAURANT, refunded, 500, "cold soup", member_id=OWNER.id, key=None)


async def _accept(house: House, shop: Shop) -> None:
    order_id = await _order(shop.database, "accepted")
    ticket_id = await house.database.fetch_value("SELECT id FROM kitchen.tickets WHERE order_id = $1", order_id)
    kitchen = Kitchen(house.database, house.log, house.clock, house.ids)
    await house.database.run(lambda tx: kitchen.move(tx, OWNER, ticket_id, "accepted", version=1))


async def _order(database: Database, note: str) -> Any:
    return await database.fetch_value("SELECT id FROM ordering.orders WHERE note = $1", note)


async def _drained(house: House) -> None:
    async with asyncio.timeout(PATIENCE_S):
        # Twice, for an event may have been emitted behind the consumer that was looked at first.
        while not (await _all_read(house) and await _all_read(house)):  # noqa: ASYNC110 - the log has no end to wait on
            await asyncio.sleep(0.05)


async def _all_read(house: House) -> bool:
    return all(backlog.drained for backlog in await backlogs(house.database, house.consumers))

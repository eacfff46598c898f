"""The one place that wires it all: settings in, a web application or a worker out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from litestar import Litestar
from litestar.types import ASGIApp

from comanda.contexts.catalog import module as catalog
from comanda.contexts.catalog.capacity import ReservedCapacity
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.timetable import RestaurantTimetable
from comanda.contexts.customers import module as customers
from comanda.contexts.kitchen import module as kitchen
from comanda.contexts.ordering import module as ordering
from comanda.contexts.ordering.judging import Rules
from comanda.contexts.payments import module as payments
from comanda.contexts.payments.gateway import from_url as provider_from_url
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.contexts.payments.stripe_provider import StripeProvider
from comanda.contexts.promotions import module as promotions
from comanda.contexts.promotions.desk import Coupons
from comanda.contexts.receipts import module as receipts
from comanda.contexts.staff import module as staff
from comanda.contexts.staff.service import StaffDesk
from comanda.contracts import events
from comanda.contracts.module import Module
from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database import Database
from comanda.engine.database.partitions import ensure_partitions
from comanda.engine.events import EventCatalogue, EventLog, Waker
from comanda.engine.files import FileStore
from comanda.engine.files import from_url as files_from_url
from comanda.engine.idempotency import Once, Seals
from comanda.engine.ids import Ids, RandomIds
from comanda.engine.lanes import Consumer, Periodic, Worker, chosen
from comanda.engine.service import Service, running
from comanda.installation import derived_secret, installation_secret
from comanda.mail import Courier, Journal
from comanda.mail import from_url as mail_from_url
from comanda.settings import Settings
from comanda.tables import PARTITIONED
from comanda.web.bodies import MAX_BODY_BYTES, JsonRequest
from comanda.web.description import description, openapi_config
from comanda.web.express import Express
from comanda.web.health import health_routes
from comanda.web.site import Site

WEB_CONNECTIONS = 6
"""Database connections of a web process: two groups of orders under way, and what reads meanwhile."""

PARTITIONS_EVERY_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything, wired.

    Attributes:
        modules: the contexts.
        consumers: all of them, of all contexts.
        services: what must run in every process, in the order of starting.
        provider: of payments; it is a ledger too, for audits.
        stops: what is to be closed in the end.
    """

    settings: Settings
    database: Database
    waker: Waker
    log: EventLog
    catalogue: EventCatalogue
    desk: StaffDesk
    files: FileStore
    provider: SandboxProvider | StripeProvider
    modules: Sequence[Module]
    clock: Clock
    ids: Ids
    stops: Sequence[Callable[[], Awaitable[None]]]

    @property
    def consumers(self) -> list[Consumer]:
        """All consumers of all contexts."""
        return [consumer for module in self.modules for consumer in module.consumers]

    @asynccontextmanager
    async def opened(self, services: Sequence[Service] = ()) -> AsyncIterator[None]:
        """Open the database and what stands on it, then `services`; close all in the reverse order."""
        try:
            async with running([self.database, self.waker, self.files, *services]):
                yield
        finally:
            for stop in self.stops:
                await stop()


def build_house(settings: Settings, *, role: str, connections: int | None = None) -> House:
    """Wire everything. Nothing is opened yet, and nothing runs.

    Args:
        settings: with a real `database_url`.
        role: of this process, shown beside its connections.
        connections: to the database, at most; None for what the settings allow.
    """
    clock, ids = SystemClock(), RandomIds()
    database = Database(
        settings.database_url,
        max_size=connections or settings.database_connections,
        name=f"comanda {role}",
        clock=clock,
        ids=ids,
    )
    waker = Waker(database)
    log = EventLog(waker)
    secret = installation_secret(settings)
    provider = provider_from_url(
        settings.payments_url,
        clock=clock,
        secret_key=settings.payments_key or derived_secret(settings, "sandbox key"),
        webhook_secret=settings.payments_webhook_secret or derived_secret(settings, "sandbox webhooks"),
        sandbox_url=f"http://127.0.0.1:{settings.sandbox_port}",
    )
    courier = Courier(
        mail_from_url(settings.mail_url), Journal(settings.data / "mail-journal.sqlite", clock=clock, ids=ids)
    )
    desk = StaffDesk(database, clock, ids)
    files = files_from_url(settings.files_url, data_dir=settings.data, clock=clock)
    modules = [
        *_selling(settings, database, log, seals=Seals(secret), clock=clock, ids=ids),
        payments.build(database=database, events=log, clock=clock, ids=ids, provider=provider),
        kitchen.build(database=database, log=log, clock=clock, ids=ids),
        receipts.build(
            database=database,
            events=log,
            clock=clock,
            ids=ids,
            courier=courier,
            files=files,
            public_url=settings.address,
            sender=settings.mail_from,
        ),
        customers.build(database=database),
        staff.build(desk, secure=settings.address.startswith("https://")),
    ]
    return House(
        settings=settings,
        database=database,
        waker=waker,
        log=log,
        catalogue=EventCatalogue(events.EVENTS),
        desk=desk,
        files=files,
        provider=provider,
        modules=modules,
        clock=clock,
        ids=ids,
        stops=[courier.stop, provider.stop],
    )


def _selling(
    settings: Settings, database: Database, log: EventLog, *, seals: Seals, clock: Clock, ids: Ids
) -> list[Module]:
    """Wire catalog, promotions and ordering, which share one database and its transactions."""
    restaurants = Restaurants(database, clock)
    coupons = Coupons(database, clock)
    needs = ordering.Needs(
        database=database,
        log=log,
        restaurants=restaurants,
        capacity=ReservedCapacity(),
        coupons=coupons,
        timetable=RestaurantTimetable(),
        seals=seals,
        rules=Rules(window=settings.form_window, keep=settings.idempotency_keep, public_url=settings.address),
        once=Once(database, clock, keep_h=settings.idempotency_keep.total_seconds() / 3600),
        clock=clock,
        ids=ids,
        shows_test_cards=settings.payments_url.startswith("sandbox:"),
    )
    return [
        catalog.build(database=database, log=log, clock=clock, restaurants=restaurants),
        promotions.build(database=database, ids=ids),
        ordering.build(needs),
    ]


def build_web(settings: Settings) -> ASGIApp:
    """Return the web application; it opens what it needs when the server starts it, and closes it in the end."""
    return web_of(build_house(settings, role="web", connections=WEB_CONNECTIONS))


def web_of(house: House) -> ASGIApp:
    """Return the web application of a house."""
    modules = house.modules
    site = Site(
        secret=installation_secret(house.settings),
        public_url=house.settings.address,
        ids=house.ids,
        templates={module.name: module.templates for module in modules if isinstance(module.templates, Path)},
        links=[link for module in modules for link in module.staff_links],
    )
    pings: dict[str, Callable[[], Awaitable[None]]] = {"database": house.database.ping}
    for module in modules:
        pings.update(module.pings)
    services = [service for module in modules for service in module.services]

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with house.opened(services):
            yield

    app = Litestar(
        [description, *site.routes(), *health_routes(pings), *(route for module in modules for route in module.routes)],
        lifespan=[lifespan],
        exception_handlers=site.exception_handlers(),
        middleware=site.middleware(house.desk),
        template_config=site.template_config(),
        request_max_body_size=MAX_BODY_BYTES,
        request_class=JsonRequest,
        openapi_config=openapi_config(),
        logging_config=None,
    )
    express = {path: handler for module in modules for path, handler in module.express.items()}
    return site.wrap(Express(app, express))


def build_worker(settings: Settings, lanes: Sequence[str] | None) -> Service:
    """Return a worker for these lanes (by name or context; all where None), with all that it needs to run."""
    return _WorkerProcess(build_house(settings, role="worker"), lanes)


class _WorkerProcess:
    """A worker together with the house that it works in."""

    def __init__(self, house: House, lanes: Sequence[str] | None) -> None:
        self._house = house
        self._worker = Worker(
            house.database,
            house.catalogue,
            chosen(house.consumers, lanes),
            clock=house.clock,
            ids=house.ids,
            periodic=[
                Periodic(name="engine.partitions", every_s=PARTITIONS_EVERY_S, run=self._ensure_partitions),
                *(periodic for module in house.modules for periodic in module.periodic),
            ],
        )
        self._opened = house.opened([self._worker])
        self._entered = False
        self._turn = asyncio.Lock()

    async def _ensure_partitions(self) -> None:
        async with self._house.database.transaction() as tx:
            await ensure_partitions(tx, PARTITIONED, self._house.clock)

    async def start(self) -> None:
        """Open the house and begin to work."""
        async with self._turn:
            if not self._entered:
                await self._opened.__aenter__()
                self._entered = True

    async def stop(self) -> None:
        """Finish the batches under way, hand over, close the house."""
        async with self._turn:
            if self._entered:
                self._entered = False
                await self._opened.__aexit__(None, None, None)

"""The roles that a process can have: settings in, a web application or a worker out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from litestar import Litestar
from litestar.types import ASGIApp

from comanda.engine.lanes import Worker, chosen
from comanda.engine.retention import upkeep
from comanda.house import House, build_house
from comanda.installation import installation_secret
from comanda.operations import module as operations
from comanda.settings import Settings
from comanda.tables import PARTITIONED
from comanda.web.bodies import MAX_BODY_BYTES, JsonRequest
from comanda.web.description import description, openapi_config
from comanda.web.events_page import LINK as EVENTS_LINK
from comanda.web.events_page import EventPages
from comanda.web.express import Express
from comanda.web.health import health_routes
from comanda.web.site import Site
from comanda.web.tally import RequestTally

WEB_CONNECTIONS = 6
"""Database connections of a web process: two groups of orders under way, and what reads meanwhile."""


def build_web(settings: Settings) -> ASGIApp:
    """Return the web application; it opens what it needs when the server starts it, and closes it in the end."""
    return web_of(build_house(settings, role="web", connections=WEB_CONNECTIONS))


def web_of(house: House) -> ASGIApp:
    """Return the web application of a house."""
    tally = RequestTally(house.clock)
    modules = [
        *house.modules,
        operations.build(
            database=house.database,
            consumers=house.consumers,
            clock=house.clock,
            tally=tally,
            metrics_token=house.settings.metrics_token,
            lease_s=house.settings.lease.total_seconds(),
        ),
    ]
    site = Site(
        secret=installation_secret(house.settings),
        public_url=house.settings.address,
        ids=house.ids,
        templates={module.name: module.templates for module in modules if isinstance(module.templates, Path)},
        links=[*(link for module in modules for link in module.staff_links), EVENTS_LINK],
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
        [
            description,
            *site.routes(),
            *health_routes(pings),
            *EventPages(house.catalogue, house.consumers).routes(),
            *(route for module in modules for route in module.routes),
        ],
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
    return site.wrap(Express(app, express), tracer=house.tracer, tally=tally)


class WorkerProcess:
    """A worker together with the house that it works in."""

    def __init__(self, house: House, lanes: Sequence[str] | None) -> None:
        self._house = house
        consumers = chosen(house.consumers, lanes)
        self._worker = Worker(
            house.database,
            house.catalogue,
            consumers,
            clock=house.clock,
            ids=house.ids,
            tracer=house.tracer,
            sources=None if house.transport is None else house.transport.source,
            lease_s=house.settings.lease.total_seconds(),
            periodic=[
                *upkeep(house.database, PARTITIONED, house.retention(), house.clock),
                *(periodic for module in house.modules for periodic in module.periodic),
            ],
        )
        carriers = [] if house.transport is None else [house.transport]
        names = {consumer.name for consumer in consumers}
        beside = [
            service
            for module in house.modules
            if any(consumer.name in names for consumer in module.consumers)
            for service in module.worker_services
        ]
        self._opened = house.opened([*carriers, *beside, self._worker])
        self._entered = False
        self._turn = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether it holds leases, or would take them: it is connected, and the database has heard of it in time."""
        return self._worker.leases.valid()

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


def build_worker(settings: Settings, lanes: Sequence[str] | None) -> WorkerProcess:
    """Return a worker for these lanes (by name or context; all where None), with all that it needs to run."""
    return WorkerProcess(build_house(settings, role="worker"), lanes)

"""The one value that a context hands to `app.py`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from litestar.types import ControllerRouterHandler
from sqlalchemy import MetaData

from comanda.engine.lanes import Consumer, Periodic
from comanda.engine.service import Service
from comanda.web.access import StaffLink
from comanda.web.express import ExpressHandler


@dataclass(frozen=True, kw_only=True)
class Module:
    """A context, as the rest of the house sees it.

    Attributes:
        name: the folder's name, and the name of its schema.
        routes: Litestar handlers, API and pages.
        express: handlers of its hottest paths, by method and path, that answer before the framework does.
        consumers: how it reacts to facts.
        periodic: what it does every so often.
        services: what must run in a process that serves its routes (an intake, say).
        worker_services: what must run in a worker that runs any of its consumers.
        tables: its metadata, for migrations and the model's diagram.
        templates: its folder of Jinja2 templates, or None.
        staff_links: its pages for the staff, for their menu.
        pings: what must answer for this context to be ready, by name; a ping raises when it does not.
    """

    name: str
    routes: Sequence[ControllerRouterHandler] = ()
    express: Mapping[tuple[str, str], ExpressHandler] = field(default_factory=dict)
    consumers: Sequence[Consumer] = ()
    periodic: Sequence[Periodic] = ()
    services: Sequence[Service] = ()
    worker_services: Sequence[Service] = ()
    tables: MetaData | None = None
    templates: Path | None = None
    staff_links: Sequence[StaffLink] = ()
    pings: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)

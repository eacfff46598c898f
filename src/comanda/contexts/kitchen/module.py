"""The kitchen, as `app.py` takes it."""

from pathlib import Path

from comanda.contexts.kitchen.api import KitchenApi
from comanda.contexts.kitchen.consumers import consumers
from comanda.contexts.kitchen.model import Base
from comanda.contexts.kitchen.pages import KitchenPages
from comanda.contexts.kitchen.service import Kitchen
from comanda.contracts.module import Module
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.ids import Ids
from comanda.web.access import StaffLink

TEMPLATES = Path(__file__).parent / "templates"

LINKS = (
    StaffLink(
        path="/staff/kitchen", title="Kitchen", purpose="The board: accept, cook and hand over", roles=("kitchen",)
    ),
)


def build(*, database: Database, log: EventLog, clock: Clock, ids: Ids) -> Module:
    """Return the module."""
    kitchen = Kitchen(database, log, clock, ids)
    return Module(
        name="kitchen",
        routes=[*KitchenPages(database, kitchen, clock).routes(), *KitchenApi(database, kitchen).routes()],
        consumers=consumers(kitchen),
        tables=Base.metadata,
        templates=TEMPLATES,
        staff_links=LINKS,
    )

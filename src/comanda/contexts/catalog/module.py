"""The catalog, as one value for `app.py`."""

from comanda.contexts.catalog.api import CatalogApi
from comanda.contexts.catalog.menu_view import MenuViews
from comanda.contexts.catalog.model import Base
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.contexts.catalog.staff_api import CatalogStaffApi
from comanda.contexts.catalog.timetable import RestaurantTimetable
from comanda.contracts.module import Module
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog


def build(*, database: Database, log: EventLog, clock: Clock, restaurants: Restaurants) -> Module:
    """Return the module.

    Args:
        database: the database that ordering and promotions share.
        log: where `MenuPublished` is written.
        clock: the time.
        restaurants: the copies in memory, the same that ordering reads.
    """
    catalog = Catalog(log, clock, restaurants)
    guests = CatalogApi(database, restaurants, RestaurantTimetable(), MenuViews(), clock)
    staff = CatalogStaffApi(database, catalog)
    return Module(name="catalog", routes=[*guests.routes(), *staff.routes()], tables=Base.metadata)

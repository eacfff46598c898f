"""The catalog on a database of the test's own."""

import pytest

from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.service import Catalog
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from tests.fakes.clock import FakeClock


@pytest.fixture
def log(database: Database) -> EventLog:
    """The event log; nobody is woken."""
    return EventLog(Waker(database))


@pytest.fixture
def restaurants(database: Database, clock: FakeClock) -> Restaurants:
    """The reader."""
    return Restaurants(database, clock)


@pytest.fixture
def catalog(log: EventLog, clock: FakeClock, restaurants: Restaurants) -> Catalog:
    """The service."""
    return Catalog(log, clock, restaurants)

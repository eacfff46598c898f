"""The context of customers on a database, with a mail server that a test has at hand."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from comanda.contexts.customers import module
from comanda.contracts.catalog import Restaurant, RestaurantName, Trading
from comanda.contracts.module import Module
from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog, Waker
from comanda.engine.files import LocalFileStore
from comanda.engine.idempotency import Seals
from comanda.engine.ids import RandomIds
from comanda.mail import Courier, Journal
from tests.fakes.orders import RESTAURANT
from tests.fakes.shop import MENU
from tests.integration.receipts.office import smtp_mailer

SEALS = Seals(b"a secret for the tests, of 32 bytes")
PLACE = Restaurant(
    id=RESTAURANT,
    slug="demo",
    name="Casa Demo",
    currency="EUR",
    timezone="Europe/Lisbon",
    country="PT",
    locale="en",
    revision=1,
    trading=Trading(),
    menu=MENU,
)


class OneRestaurant:
    """A reader that knows one restaurant."""

    async def by_slug(self, slug: str, *, revision: int | None = None) -> Restaurant | None:
        """Return it by its slug."""
        del revision
        return PLACE if slug == PLACE.slug else None

    async def by_id(self, restaurant_id: UUID, *, revision: int | None = None) -> Restaurant | None:
        """Return it by its id."""
        del revision
        return PLACE if restaurant_id == PLACE.id else None

    async def listed(self, most: int) -> Sequence[RestaurantName]:
        """Return its name."""
        return [RestaurantName(slug=PLACE.slug, name=PLACE.name)][:most]

    async def revisions(self, tx: Transaction, restaurant_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return its revision."""
        del tx
        return dict.fromkeys(restaurant_ids, PLACE.revision)


def customers_module(database: Database, disk: Path, *, smtp_port: int = 9, clock: Clock | None = None) -> Module:
    """Return the module; `disk` is the folder of the machine on which its mails are journalled."""
    clock, ids = clock or SystemClock(), RandomIds()
    return module.build(
        database=database,
        log=EventLog(Waker(database)),
        restaurants=OneRestaurant(),
        seals=SEALS,
        courier=Courier(smtp_mailer(smtp_port), Journal(disk / "mail-journal.sqlite", clock=clock, ids=ids)),
        files=LocalFileStore(disk / "files", clock=clock),
        sender="Comanda <orders@comanda.example>",
        public_url="https://demo.example",
        clock=clock,
        ids=ids,
    )

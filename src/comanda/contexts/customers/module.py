"""Customers, as `app.py` takes them."""

from pathlib import Path

from comanda.contexts.customers.consumers import consumers
from comanda.contexts.customers.erasure import PersonalData
from comanda.contexts.customers.importing.lane import import_lane
from comanda.contexts.customers.importing.service import Imports, Needs
from comanda.contexts.customers.model import Base
from comanda.contexts.customers.pages import CustomerPages
from comanda.contexts.customers.service import Customers
from comanda.contexts.customers.signup_pages import SignupPages
from comanda.contexts.customers.signups import Signups
from comanda.contracts.catalog import RestaurantReader
from comanda.contracts.module import Module
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.files import FileStore
from comanda.engine.idempotency import Seals
from comanda.engine.ids import Ids
from comanda.engine.lanes import Periodic
from comanda.mail import Courier, MailAddress
from comanda.web.access import StaffLink

TEMPLATES = Path(__file__).parent / "templates"

LINKS = (
    StaffLink(
        path="/staff/customers", title="Customers", purpose="Who has ordered, and how often", roles=("marketer",)
    ),
)


SWEEP_EVERY_S = 3600.0


def build(
    *,
    database: Database,
    log: EventLog,
    restaurants: RestaurantReader,
    seals: Seals,
    courier: Courier,
    files: FileStore,
    sender: str,
    public_url: str,
    clock: Clock,
    ids: Ids,
) -> Module:
    """Return the module; `sender` is from whom the mails are that confirm a sign-up."""
    customers = Customers(database, log)
    signups = Signups(
        database=database,
        log=log,
        restaurants=restaurants,
        seals=seals,
        courier=courier,
        sender=MailAddress.parse(sender),
        public_url=public_url,
        clock=clock,
        ids=ids,
    )
    personal = PersonalData(database, log, clock)
    imports = Imports(
        Needs(database=database, log=log, files=files, seals=seals, restaurants=restaurants, clock=clock, ids=ids)
    )
    return Module(
        name="customers",
        routes=[*CustomerPages(customers, personal).routes(), *SignupPages(signups).routes()],
        consumers=[*consumers(customers, signups), import_lane(imports)],
        periodic=[Periodic(name="customers.sweep_signups", every_s=SWEEP_EVERY_S, run=signups.sweep)],
        tables=Base.metadata,
        templates=TEMPLATES,
        staff_links=LINKS,
    )

"""Customers, as `app.py` takes them."""

from pathlib import Path

from comanda.contexts.customers.consumers import consumers
from comanda.contexts.customers.model import Base
from comanda.contexts.customers.pages import CustomerPages
from comanda.contexts.customers.service import Customers
from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.web.access import StaffLink

TEMPLATES = Path(__file__).parent / "templates"

LINKS = (
    StaffLink(
        path="/staff/customers", title="Customers", purpose="Who has ordered, and how often", roles=("marketer",)
    ),
)


def build(*, database: Database) -> Module:
    """Return the module."""
    customers = Customers(database)
    return Module(
        name="customers",
        routes=CustomerPages(customers).routes(),
        consumers=consumers(customers),
        tables=Base.metadata,
        templates=TEMPLATES,
        staff_links=LINKS,
    )

"""All events that contexts show each other."""

from comanda.contracts import catalog, customers, kitchen, ordering, payments, receipts
from comanda.engine.events import Event

EVENTS: tuple[type[Event], ...] = (
    *catalog.EVENTS,
    *ordering.EVENTS,
    *payments.EVENTS,
    *kitchen.EVENTS,
    *receipts.EVENTS,
    *customers.EVENTS,
)

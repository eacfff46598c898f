"""The tables of the whole house: every context's metadata, for migrations and for the model's diagram."""

from sqlalchemy import MetaData

from comanda.contexts.campaigns import feedback_model, ledger_model
from comanda.contexts.campaigns import model as campaigns
from comanda.contexts.catalog import model as catalog
from comanda.contexts.customers import model as customers
from comanda.contexts.customers import signup_model
from comanda.contexts.kitchen import model as kitchen
from comanda.contexts.ordering import model as ordering
from comanda.contexts.payments import model as payments
from comanda.contexts.promotions import model as promotions
from comanda.contexts.receipts import model as receipts
from comanda.contexts.staff import model as staff
from comanda.engine import tables as engine
from comanda.engine.periods import TimePartitions

METADATA: tuple[MetaData, ...] = (
    engine.Base.metadata,
    catalog.Base.metadata,
    promotions.Base.metadata,
    ordering.Base.metadata,
    payments.Base.metadata,
    kitchen.Base.metadata,
    receipts.Base.metadata,
    customers.Base.metadata,
    campaigns.Base.metadata,
    staff.Base.metadata,
)
"""The engine's and every context's tables."""

BY_TOPIC = (ledger_model, feedback_model, signup_model)
"""Modules whose tables stand in their context's metadata once they are imported."""

PARTITIONED: tuple[TimePartitions, ...] = (*engine.PARTITIONED, *ordering.PARTITIONED)
"""The tables that are cut by time."""

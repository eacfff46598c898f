"""Payments, as one value for `app.py`."""

from comanda.contexts.payments import api, consumers
from comanda.contexts.payments.charging import Charging
from comanda.contexts.payments.model import Base
from comanda.contexts.payments.policy import Policy
from comanda.contexts.payments.providers import PaymentProvider
from comanda.contexts.payments.reconciliation import Reconciliation
from comanda.contexts.payments.refunding import Refunding
from comanda.contexts.payments.service import Settlement
from comanda.contracts.module import Module
from comanda.engine.clock import Clock
from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.ids import Ids
from comanda.engine.lanes import Periodic

RECONCILE_EVERY_S = 5.0


def build(
    *,
    database: Database,
    events: EventLog,
    clock: Clock,
    ids: Ids,
    provider: PaymentProvider,
    policy: Policy | None = None,
) -> Module:
    """Build the context of payments around a provider (see `gateway.from_url`).

    The provider opens its connections with the first call; whoever runs the module's consumers or routes stops it in
    the end.
    """
    policy = policy or Policy()
    settlement = Settlement(events, clock, ids, policy, provider=provider.name)
    charging = Charging(provider, settlement, clock, ids, policy)
    refunding = Refunding(provider, settlement, clock, policy)
    reconciliation = Reconciliation(database, provider, charging, refunding, clock)
    return Module(
        name="payments",
        routes=api.webhooks(database, provider, settlement),
        consumers=[consumers.charges(charging), consumers.refunds_due(settlement), consumers.refunds(refunding)],
        periodic=[Periodic(name="payments.reconcile", every_s=RECONCILE_EVERY_S, run=reconciliation.run)],
        tables=Base.metadata,
    )

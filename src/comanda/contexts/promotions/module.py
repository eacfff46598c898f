"""Promotions, as one value for `app.py`."""

from comanda.contexts.promotions import consumers
from comanda.contexts.promotions.api import PromotionsApi
from comanda.contexts.promotions.model import Base
from comanda.contexts.promotions.offers import offers
from comanda.contexts.promotions.service import Promotions
from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.engine.ids import Ids


def build(*, database: Database, ids: Ids) -> Module:
    """Return the module. The desk that ordering uses is `desk.Coupons(database, clock)`."""
    return Module(
        name="promotions",
        routes=PromotionsApi(database, Promotions(ids)).routes(),
        consumers=[consumers.confirmations(), offers()],
        tables=Base.metadata,
    )

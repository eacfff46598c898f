"""Who gets no campaigns any more, and who does again. A suppression and the news of it are one transaction."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from comanda.contexts.campaigns import feedback_store as store
from comanda.contracts.campaigns import Resubscribed, Unsubscribed
from comanda.engine.database import Transaction
from comanda.engine.events import EventLog

Why = Literal["unsubscribed", "bounced", "complained", "by_hand"]


class Suppression:
    """Suppresses people and lets them be mailed again."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def suppress(
        self,
        tx: Transaction,
        customer_id: UUID,
        *,
        restaurant_id: UUID,
        why: Why,
        at: datetime,
        campaign: int | None = None,
    ) -> bool:
        """Let somebody get no campaigns any more; return False where they got none already."""
        is_new = await store.suppress(tx, customer_id, restaurant_id=restaurant_id, why=why, at=at, campaign=campaign)
        if is_new:
            told = Unsubscribed(customer_id=customer_id, restaurant_id=restaurant_id, why=why, at=at, campaign=campaign)
            await self._log.emit(tx, told)
        return is_new

    async def lift(
        self, tx: Transaction, customer_id: UUID, *, restaurant_id: UUID, at: datetime, campaign: int | None = None
    ) -> bool:
        """Let somebody get campaigns again who had left of their own will; return whether anything changed."""
        lifted = await store.lift(tx, customer_id)
        if lifted:
            told = Resubscribed(customer_id=customer_id, restaurant_id=restaurant_id, at=at, campaign=campaign)
            await self._log.emit(tx, told)
        return lifted

"""How campaigns react to their hour: a scheduled one starts."""

import msgspec
import structlog

from comanda.contexts.campaigns import campaign_store as store
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.campaigns import Campaigns, Ready
from comanda.contracts.campaigns import StartDue
from comanda.engine.database import Transaction
from comanda.engine.errors import Refused
from comanda.engine.lanes import Consumer, OutsideConsumer

log = structlog.get_logger(__name__)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign whose hour has come."""

    event: StartDue
    row: CampaignRow


def consumers(campaigns: Campaigns) -> list[Consumer]:
    """Return the consumers.

    Starting asks the audience for its number and compiles the mail, which may take seconds: it is done with no
    transaction open, and what was found out counts only as long as nobody edits the campaign.
    """

    async def claim(tx: Transaction, event: StartDue) -> Due | None:
        row = await store.one(tx, event.campaign)
        if row is None or row.state != "scheduled" or row.epoch != event.epoch:
            return None
        return Due(event=event, row=row)

    async def perform(due: Due) -> Ready | None:
        try:
            return await campaigns.ready(due.row)
        except Refused as error:
            log.warning("campaign cannot start", campaign=due.row.number, why=error.message)
            return None

    async def conclude(tx: Transaction, due: Due, ready: Ready | None) -> None:
        await campaigns.start_due(tx, due.event, ready)

    return [
        OutsideConsumer(
            name="campaigns.start", on=(StartDue,), claim=claim, perform=perform, conclude=conclude, concurrency=4
        )
    ]

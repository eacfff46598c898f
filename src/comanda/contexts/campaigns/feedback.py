"""What comes back from mails: bounces and complaints suppress, openings and clicks are counted, a test gets its winner.

A hard bounce suppresses at once; a soft one when it is the third in a row, one a campaign, with no more than half a
year between them. Whatever is told twice has its effect once.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from comanda.contexts.campaigns import campaign_store
from comanda.contexts.campaigns import feedback_store as store
from comanda.contexts.campaigns.feedback_store import VariantFigures
from comanda.contexts.campaigns.suppression import Suppression
from comanda.contracts.campaigns import LinkClicked, MailOpened, MailReturned, WinnerDue
from comanda.engine.database import Transaction
from comanda.engine.lanes import Batch, Consumer, consumer

log = structlog.get_logger(__name__)

MOST_SOFT = 3
FORGET_SOFT = timedelta(days=183)

StartWave = Callable[[Transaction, int, int], Awaitable[None]]


class Feedback:
    """Takes what comes back.

    Args:
        start_wave: lets those who wait for a test's winner be mailed.
    """

    def __init__(self, suppression: Suppression, start_wave: StartWave) -> None:
        self._suppression = suppression
        self._start_wave = start_wave

    async def take_return(self, tx: Transaction, event: MailReturned) -> None:
        """Write down a mail that came back, or a complaint about it."""
        whose = await store.whose(tx, event.campaign, event.recipient)
        if whose is None or await store.returned_before(tx, event.campaign, event.recipient, event.kind):
            return
        await store.note_failure(
            tx,
            event.campaign,
            event.recipient,
            at=event.at,
            kind=event.kind,
            status=event.status,
            words=event.words,
        )
        if event.kind == "hard":
            await store.bounced(tx, event.campaign, event.recipient)
        if event.kind == "soft":
            times = await store.count_soft(
                tx, whose.customer_id, at=event.at, campaign=event.campaign, forget_after=FORGET_SOFT
            )
            if times < MOST_SOFT:
                return
        await self._suppression.suppress(
            tx,
            whose.customer_id,
            restaurant_id=whose.restaurant_id,
            why="complained" if event.kind == "complaint" else "bounced",
            at=event.at,
            campaign=event.campaign,
        )

    async def choose_winner(self, tx: Transaction, event: WinnerDue) -> None:
        """Choose the subject that did best, and let the others be mailed; what an older epoch wanted is let go."""
        row = await campaign_store.lock(tx, event.campaign)
        if row is None or row.state != "sending" or row.epoch != event.epoch or row.split is None:
            return
        winner = best_of(await store.variants(tx, event.campaign), row.split.by)
        if await store.write_winner(tx, event.campaign, winner):
            await self._start_wave(tx, event.campaign, 1)
            log.info("winner chosen", campaign=event.campaign, variant=winner)

    def consumers(self) -> list[Consumer]:
        """Return the consumers."""

        @consumer("campaigns.returns", on=[MailReturned], batch=50)
        async def take_return(tx: Transaction, event: MailReturned) -> None:
            await self.take_return(tx, event)

        @consumer("campaigns.openings", on=[MailOpened], batch=Batch(size=1000, linger_s=0.2))
        async def count_openings(tx: Transaction, events: Sequence[MailOpened]) -> None:
            await store.count_openings(tx, events)

        @consumer("campaigns.clicks", on=[LinkClicked], batch=Batch(size=1000, linger_s=0.2))
        async def count_clicks(tx: Transaction, events: Sequence[LinkClicked]) -> None:
            await store.count_clicks(tx, events)

        @consumer("campaigns.winner", on=[WinnerDue], batch=1)
        async def choose_winner(tx: Transaction, event: WinnerDue) -> None:
            await self.choose_winner(tx, event)

        return [take_return, count_openings, count_clicks, choose_winner]


def best_of(variants: Sequence[VariantFigures], by: str) -> int:
    """Return the variant with the best share of its mails opened, or clicked; of equals the first."""

    def share(figures: VariantFigures) -> float:
        hits = figures.clicked if by == "clicks" else figures.opened
        return hits / figures.sent if figures.sent else 0.0

    return max(variants, key=lambda figures: (share(figures), -figures.variant)).variant if variants else 0

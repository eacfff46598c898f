"""Freezing: who is in a campaign's audience now is written into its ledger, page by page.

A page is `PAGE` people in the order (zone, domain, id), looked at in one short transaction that also keeps the place
and emits the event of the next page. Recipients are numbered in that order, those of an A/B test before all others, so
that a domain's are neighbours. At the end their runs are cut into streams, and the streams go.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog

from comanda.contexts.campaigns import freeze_store as store
from comanda.contexts.campaigns import ledger_store
from comanda.contexts.campaigns.freeze_store import Frozen, Place
from comanda.contexts.campaigns.rates import Limits
from comanda.contexts.campaigns.streams import cut, merged
from comanda.contexts.campaigns.waves import Waves
from comanda.contracts.campaigns import CampaignMoved, FreezeDue
from comanda.engine.clock import Clock
from comanda.engine.database import Transaction
from comanda.engine.events import EventLog

log = structlog.get_logger(__name__)

PAGE = 20_000
"""People looked at in one transaction."""

SMALL = 500
"""Recipients below which a domain is not told from its neighbours in a page."""


class Selected(Protocol):
    """An audience as SQL: see `condition_sql.Compiled`."""

    @property
    def where(self) -> str:
        """The conditions about a row `p` of `campaigns.people`."""
        ...

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What its parameters are."""
        ...


Select = Callable[[Mapping[str, Any], datetime, int], Selected]
"""(conditions, now, number of its first parameter) -> SQL. `$1` is the restaurant."""


class Everybody(msgspec.Struct, frozen=True):
    """All who have given consent and not taken it back."""

    where: str = "p.consent_at IS NOT NULL AND p.unsubscribed_at IS NULL"
    arguments: tuple[Any, ...] = ()


def everybody(_conditions: Mapping[str, Any], _now: datetime, _first_parameter: int) -> Everybody:
    """Return the audience of all who may be mailed, whatever the conditions."""
    return Everybody()


class Freezing:
    """Writes ledgers."""

    def __init__(
        self,
        *,
        log: EventLog,
        clock: Clock,
        waves: Waves,
        limits: Limits,
        select: Select = everybody,
        page: int = PAGE,
    ) -> None:
        self._log = log
        self._clock = clock
        self._waves = waves
        self._limits = limits
        self._select = select
        self._page = page

    async def freeze(self, tx: Transaction, event: FreezeDue) -> None:
        """Write one page; or cut the streams, when there are no more pages, and let them go."""
        campaign = await store.lock(tx, event.campaign)
        if campaign is None or campaign.state != "freezing" or campaign.epoch != event.epoch:
            return
        place = campaign.place
        if place is None:
            await store.ensure_partition(tx, campaign.number)
            place = Place(now=self._clock.now())
        if place.done:
            await self._complete(tx, campaign, place)
            return
        place = await self._write_page(tx, campaign, place)
        await store.keep_place(tx, campaign.number, place)
        await self._log.emit(tx, FreezeDue(campaign=campaign.number, epoch=campaign.epoch, page=event.page + 1))

    async def _write_page(self, tx: Transaction, campaign: Frozen, place: Place) -> Place:
        until = await store.page_end(tx, campaign.restaurant_id, place, self._page)
        selected = self._select(campaign.conditions, place.now, store.MINE + 1)
        runs = await store.insert(tx, campaign, place, until, where=selected.where, arguments=selected.arguments)
        found = runs[-1].last - place.count if runs else 0
        kept = merged(runs, small=SMALL)
        await store.add_runs(tx, campaign.number, kept, since=place.runs)
        following = msgspec.structs.replace(place, count=place.count + found, runs=place.runs + len(kept))
        if until is not None:
            zone, domain, id_ = until
            return msgspec.structs.replace(following, zone=zone, domain=domain, id=id_)
        if place.wave == 0 and campaign.share < store.WHOLE:
            return Place(now=place.now, wave=1, count=following.count, runs=following.runs)
        return msgspec.structs.replace(following, done=True)

    async def _complete(self, tx: Transaction, campaign: Frozen, place: Place) -> None:
        streams = cut(await store.take_runs(tx, campaign.number), apart=self._limits.domains)
        await store.add_runs(tx, campaign.number, streams, since=0)
        now = self._clock.now()
        await store.frozen(tx, campaign.number, place.count, now)
        await self._moved(tx, campaign, finished=False)
        log.info("campaign frozen", campaign=campaign.number, recipients=place.count, streams=len(streams))
        await self._waves.start(tx, campaign.number)
        if not streams:
            await ledger_store.finish(tx, campaign.number, now)
            await self._moved(tx, campaign, finished=True)

    async def _moved(self, tx: Transaction, campaign: Frozen, *, finished: bool) -> None:
        await self._log.emit(
            tx,
            CampaignMoved(
                campaign=campaign.number,
                restaurant_id=campaign.restaurant_id,
                state="finished" if finished else "sending",
            ),
        )

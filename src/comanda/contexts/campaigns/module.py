"""Campaigns, as `house.py` takes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from comanda.contexts.campaigns import (
    campaign_consumers,
    feedback_model,
    ledger_model,
    people_consumers,
    sending_consumers,
)
from comanda.contexts.campaigns.audience_api import AudienceApi
from comanda.contexts.campaigns.audience_pages import AudiencePages
from comanda.contexts.campaigns.audience_reader import StoredAudiences
from comanda.contexts.campaigns.audiences import Audiences
from comanda.contexts.campaigns.campaign_api import CampaignApi
from comanda.contexts.campaigns.campaign_pages import LINK, CampaignPages
from comanda.contexts.campaigns.campaign_parts import CampaignParts
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.campaigns import Campaigns
from comanda.contexts.campaigns.compiling import CampaignCompiler
from comanda.contexts.campaigns.composing import CampaignComposer, Signing
from comanda.contexts.campaigns.condition_sql import Compiled, compiled
from comanda.contexts.campaigns.conditions import parse
from comanda.contexts.campaigns.credits import credits_given
from comanda.contexts.campaigns.feedback import Feedback
from comanda.contexts.campaigns.freezing import Freezing
from comanda.contexts.campaigns.hands import Hands
from comanda.contexts.campaigns.hit_pages import HitPages
from comanda.contexts.campaigns.hits import Hits
from comanda.contexts.campaigns.model import Base
from comanda.contexts.campaigns.pacing import Pacing
from comanda.contexts.campaigns.preference_pages import PreferencePages
from comanda.contexts.campaigns.preferences import Preferences
from comanda.contexts.campaigns.previewing import Previews
from comanda.contexts.campaigns.rates import limits_of
from comanda.contexts.campaigns.reader_pages import ReaderPages
from comanda.contexts.campaigns.report_pages import ReportPages
from comanda.contexts.campaigns.sending import Sending
from comanda.contexts.campaigns.settlement import Settling
from comanda.contexts.campaigns.settler import Settler
from comanda.contexts.campaigns.suppression import Suppression
from comanda.contexts.campaigns.waves import Waves
from comanda.contracts.catalog import RestaurantReader
from comanda.contracts.customers import CustomerSource
from comanda.contracts.module import Module
from comanda.engine.clock import Clock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import SettingError
from comanda.engine.events import EventLog
from comanda.engine.files import FileStore
from comanda.engine.ids import Ids
from comanda.mail import Courier
from comanda.mail.posting import PostOffice
from comanda.mail.returns.marks import Marks
from comanda.web.access import StaffLink

TEMPLATES = Path(__file__).parent / "templates"

LINKS = (
    LINK,
    StaffLink(path="/staff/audiences", title="Audiences", purpose="Whom campaigns go to", roles=("marketer",)),
)

BY_TOPIC = (ledger_model, feedback_model)
"""Whose tables stand in the metadata too, once they are imported."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What campaigns stand on.

    Attributes:
        customers: reads customers, of whom campaigns keep a copy.
        courier: sends test mails.
        office: sends campaigns; opened in workers alone.
        marks: make and read the tokens in mails.
        signing: with which key mails are signed, or None.
        public_url: where guests reach us.
        sender: from whom campaigns are, where a restaurant has named nobody.
        rates: how fast they go; see `rates.limits_of`.
        lost_after_s: how long a machine may be silent until what it had in flight is uncertain.
    """

    database: Database
    log: EventLog
    restaurants: RestaurantReader
    customers: CustomerSource
    courier: Courier
    office: PostOffice
    marks: Marks
    signing: Signing | None
    files: FileStore
    public_url: str
    sender: str
    rates: str
    lost_after_s: float
    clock: Clock
    ids: Ids


def build(needs: Needs) -> tuple[Module, CampaignParts]:
    """Return the module, and what pages and the terminal do with campaigns. Raises `SettingError`."""
    database, log, clock, ids, marks = needs.database, needs.log, needs.clock, needs.ids, needs.marks
    compiler = CampaignCompiler(
        database=database, restaurants=needs.restaurants, public_url=needs.public_url, sender=needs.sender
    )
    audiences = Audiences(database, needs.restaurants, clock, ids)
    reader = StoredAudiences(database, audiences)
    waves = Waves(log=log, clock=clock, zones=compiler.zone)

    async def go_on(tx: Transaction, row: CampaignRow) -> None:
        await waves.resume(tx, row.number)

    campaigns = Campaigns(
        database=database, log=log, clock=clock, ids=ids, audiences=reader, compiler=compiler, go_on=go_on
    )
    previews = Previews(compiler=compiler, audiences=reader, courier=needs.courier, clock=clock, ids=ids)
    parts = CampaignParts(
        database=database,
        restaurants=needs.restaurants,
        campaigns=campaigns,
        compiler=compiler,
        previews=previews,
        clock=clock,
    )
    composer = CampaignComposer(database, compiler, marks=marks, signing=needs.signing, clock=clock)
    lane = _Lane(needs, composer, waves, compiler)
    suppression = Suppression(log)
    feedback = Feedback(suppression, waves.start_wave)
    hits = Hits(database, log)
    preferences = Preferences(database, suppression, marks=marks, restaurants=needs.restaurants, clock=clock)

    def read_token(token: str) -> tuple[int, int] | None:
        mark = marks.read_unsubscribe(token)
        return None if mark is None else (mark.campaign, mark.recipient)

    async def own_values(campaign: int, recipient: int) -> Mapping[str, str]:
        return (await composer.composed(campaign)).own_values(recipient)

    reader_pages = ReaderPages(
        database=database, compiler=compiler, files=needs.files, read_token=read_token, own_values=own_values
    )
    module = Module(
        name="campaigns",
        routes=[
            *AudiencePages(audiences).routes(),
            *AudienceApi(audiences).routes(),
            *CampaignApi(
                database=database, campaigns=campaigns, compiler=compiler, previews=previews, clock=clock
            ).routes(),
            *CampaignPages(
                database=database, campaigns=campaigns, compiler=compiler, previews=previews, clock=clock
            ).routes(),
            *ReportPages(database, campaigns, needs.restaurants, clock).routes(),
            *PreferencePages(preferences).routes(),
            *HitPages(database, hits, marks=marks, clock=clock).routes(),
            *reader_pages.routes(),
        ],
        consumers=[
            *people_consumers.consumers(needs.customers, clock),
            *campaign_consumers.consumers(campaigns),
            *sending_consumers.consumers(lane.freezing, lane.sending),
            *feedback.consumers(),
            credits_given(marks),
        ],
        services=[hits],
        worker_services=[needs.office, lane.settler, lane.pacing],
        tables=Base.metadata,
        templates=TEMPLATES,
        staff_links=LINKS,
    )
    return module, parts


class _Lane:
    """The parts that a worker sends with."""

    def __init__(self, needs: Needs, composer: CampaignComposer, waves: Waves, compiler: CampaignCompiler) -> None:
        log, clock, ids = needs.log, needs.clock, needs.ids
        try:
            limits = limits_of(needs.rates)
        except ValueError as error:
            raise SettingError(f"COMANDA_CAMPAIGNS_RATES={needs.rates}: {error}") from error
        hands = Hands(clock)
        settling = Settling(log=log, clock=clock, ids=ids)
        self.settler = Settler(
            database=needs.database,
            settling=settling,
            office=needs.office,
            hands=hands,
            clock=clock,
            lost_after_s=needs.lost_after_s,
        )
        self.pacing = Pacing(needs.database, limits, clock)
        self.freezing = Freezing(log=log, clock=clock, waves=waves, limits=limits, select=_select)
        self.sending = Sending(
            log=log,
            clock=clock,
            ids=ids,
            office=needs.office,
            composer=composer,
            pacing=self.pacing,
            settling=settling,
            hands=hands,
            zones=compiler.zone,
            alive=self.settler.alive,
        )


def _select(conditions: Mapping[str, Any], now: datetime, first_parameter: int) -> Compiled:
    return compiled(parse(conditions), now=now, first_parameter=first_parameter)

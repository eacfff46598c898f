"""The house: everything that a process of any role may need, wired out of the settings."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from comanda.contexts.campaigns import module as campaigns
from comanda.contexts.campaigns.campaign_parts import CampaignParts
from comanda.contexts.campaigns.composing import Signing
from comanda.contexts.catalog import module as catalog
from comanda.contexts.catalog.capacity import ReservedCapacity
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.catalog.timetable import RestaurantTimetable
from comanda.contexts.customers import module as customers
from comanda.contexts.customers.source import StoredCustomers
from comanda.contexts.kitchen import module as kitchen
from comanda.contexts.ordering import module as ordering
from comanda.contexts.ordering.judging import Rules
from comanda.contexts.payments import module as payments
from comanda.contexts.payments.gateway import from_url as provider_from_url
from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.contexts.payments.stripe_provider import StripeProvider
from comanda.contexts.promotions import module as promotions
from comanda.contexts.promotions.desk import Coupons
from comanda.contexts.receipts import module as receipts
from comanda.contexts.staff import module as staff
from comanda.contexts.staff.service import StaffDesk
from comanda.contracts import events
from comanda.contracts.module import Module
from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventCatalogue, EventLog, Waker
from comanda.engine.files import FileStore
from comanda.engine.files import from_url as files_from_url
from comanda.engine.idempotency import Once, Seals
from comanda.engine.ids import Ids, RandomIds
from comanda.engine.lanes import Consumer
from comanda.engine.retention import Retention, parquet_archive, readers_of
from comanda.engine.service import Service, running
from comanda.engine.tracing import Tracer
from comanda.engine.tracing import from_url as tracer_from_url
from comanda.engine.transports import Transport, relay_of
from comanda.engine.transports import from_url as transport_from_url
from comanda.installation import derived_secret, installation_secret
from comanda.mail import Courier, Journal
from comanda.mail import from_url as mail_from_url
from comanda.mail.dkim import load_key
from comanda.mail.posting.posting_url import posting_from_url
from comanda.mail.returns.marks import Marks
from comanda.settings import Settings


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything, wired.

    Attributes:
        modules: the contexts.
        campaigns: what pages and the terminal do with campaigns.
        transport: what carries events to the lanes; None is the log itself.
        services: what must run in every process, in the order of starting.
        provider: of payments; it is a ledger too, for audits.
        tracer: where spans go.
        stops: what is to be closed in the end.
    """

    settings: Settings
    database: Database
    waker: Waker
    log: EventLog
    catalogue: EventCatalogue
    desk: StaffDesk
    files: FileStore
    provider: SandboxProvider | StripeProvider
    transport: Transport | None
    modules: Sequence[Module]
    campaigns: CampaignParts
    clock: Clock
    ids: Ids
    tracer: Tracer
    stops: Sequence[Callable[[], Awaitable[None]]]

    @property
    def consumers(self) -> list[Consumer]:
        """All consumers of all contexts, and the relay where a carrier brings them their events."""
        relays = [] if self.transport is None else [relay_of(self.transport)]
        return [*relays, *(consumer for module in self.modules for consumer in module.consumers)]

    def retention(self, *, keep: timedelta | None = None, archive: bool | None = None) -> Retention:
        """Return how long the log is kept, as the settings say or as is asked."""
        settings = self.settings
        wanted = settings.events_archive == "on" if archive is None else archive
        return Retention(
            self.database,
            clock=self.clock,
            keep=settings.events_keep if keep is None else keep,
            readers=readers_of(self.consumers, carried=self.transport is not None),
            archive=parquet_archive(self.files) if wanted else None,
        )

    @asynccontextmanager
    async def opened(self, services: Sequence[Service] = ()) -> AsyncIterator[None]:
        """Open the database and what stands on it, then `services`; close all in the reverse order."""
        try:
            async with running([self.tracer, self.database, self.waker, self.files, *services]):
                yield
        finally:
            for stop in self.stops:
                await stop()


def build_house(settings: Settings, *, role: str, connections: int | None = None) -> House:
    """Wire everything. Nothing is opened yet, and nothing runs.

    Args:
        settings: with a real `database_url`.
        role: of this process, shown beside its connections.
        connections: to the database, at most; None for what the settings allow.
    """
    clock, ids = SystemClock(), RandomIds()
    database = Database(
        settings.database_url,
        max_size=connections or settings.database_connections,
        name=f"comanda {role}",
        clock=clock,
        ids=ids,
    )
    waker = Waker(database)
    log = EventLog(waker)
    secret = installation_secret(settings)
    provider = provider_from_url(
        settings.payments_url,
        clock=clock,
        secret_key=settings.payments_key or derived_secret(settings, "sandbox key"),
        webhook_secret=settings.payments_webhook_secret or derived_secret(settings, "sandbox webhooks"),
        sandbox_url=f"http://127.0.0.1:{settings.sandbox_port}",
    )
    tracer = tracer_from_url(settings.traces_url, service=f"comanda {role}")
    courier = Courier(
        mail_from_url(settings.mail_url),
        Journal(settings.data / "mail-journal.sqlite", clock=clock, ids=ids),
        tracer=tracer,
    )
    desk = StaffDesk(database, clock, ids)
    restaurants = Restaurants(database, clock)
    files = files_from_url(settings.files_url, data_dir=settings.data, clock=clock)
    modules = [
        *_selling(settings, database, log, restaurants=restaurants, seals=Seals(secret), clock=clock, ids=ids),
        payments.build(database=database, events=log, clock=clock, ids=ids, provider=provider),
        kitchen.build(database=database, log=log, clock=clock, ids=ids),
        receipts.build(
            database=database,
            events=log,
            clock=clock,
            ids=ids,
            courier=courier,
            files=files,
            public_url=settings.address,
            sender=settings.mail_from,
        ),
        customers.build(
            database=database,
            log=log,
            restaurants=restaurants,
            seals=Seals(secret),
            courier=courier,
            files=files,
            sender=settings.mail_from,
            public_url=settings.address,
            clock=clock,
            ids=ids,
        ),
        staff.build(desk, secure=settings.address.startswith("https://")),
    ]
    campaigns_module, campaign_parts = campaigns.build(
        _for_campaigns(settings, database, log, restaurants=restaurants, courier=courier, files=files)
    )
    modules.append(campaigns_module)
    transport = transport_from_url(
        settings.events_url,
        database=database,
        consumers=[consumer for module in modules for consumer in module.consumers],
        clock=clock,
        ids=ids,
        data_dir=settings.data,
    )
    return House(
        settings=settings,
        database=database,
        waker=waker,
        log=log,
        catalogue=EventCatalogue(events.EVENTS),
        desk=desk,
        files=files,
        provider=provider,
        transport=transport,
        modules=modules,
        campaigns=campaign_parts,
        clock=clock,
        ids=ids,
        tracer=tracer,
        stops=[courier.stop, provider.stop],
    )


def _selling(
    settings: Settings,
    database: Database,
    log: EventLog,
    *,
    restaurants: Restaurants,
    seals: Seals,
    clock: Clock,
    ids: Ids,
) -> list[Module]:
    """Wire catalog, promotions and ordering, which share one database and its transactions."""
    marks = marks_of(settings)

    def read_code(code: str) -> tuple[int, str] | None:
        mark = marks.read_coupon(code)
        return None if mark is None else (mark.campaign, marks.coupon(mark.campaign, mark.recipient))

    coupons = Coupons(database, clock, read_code)
    needs = ordering.Needs(
        database=database,
        log=log,
        restaurants=restaurants,
        capacity=ReservedCapacity(),
        coupons=coupons,
        timetable=RestaurantTimetable(),
        seals=seals,
        rules=Rules(window=settings.form_window, keep=settings.idempotency_keep, public_url=settings.address),
        once=Once(database, clock, keep_h=settings.idempotency_keep.total_seconds() / 3600),
        clock=clock,
        ids=ids,
        shows_test_cards=settings.payments_url.startswith("sandbox:"),
    )
    return [
        catalog.build(database=database, log=log, clock=clock, restaurants=restaurants),
        promotions.build(database=database, ids=ids),
        ordering.build(needs),
    ]


def _for_campaigns(
    settings: Settings,
    database: Database,
    log: EventLog,
    *,
    restaurants: Restaurants,
    courier: Courier,
    files: FileStore,
) -> campaigns.Needs:
    """Return what campaigns stand on."""
    signing = Signing(load_key(Path(settings.dkim_key)), settings.dkim_selector) if settings.dkim_key else None
    return campaigns.Needs(
        database=database,
        log=log,
        restaurants=restaurants,
        customers=StoredCustomers(database),
        courier=courier,
        office=posting_from_url(settings.campaigns_url or settings.mail_url, settings.data / "posting"),
        marks=marks_of(settings),
        signing=signing,
        files=files,
        public_url=settings.address,
        sender=settings.campaigns_from,
        rates=settings.campaigns_rates,
        lost_after_s=settings.campaigns_lost_after.total_seconds(),
        clock=SystemClock(),
        ids=RandomIds(),
    )


def marks_of(settings: Settings) -> Marks:
    """Return what makes and reads the tokens of campaigns' mails."""
    return Marks([derived_secret(settings, "campaign marks").encode()])

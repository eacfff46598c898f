"""Every service of the house, and what each needs around it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from comanda.app import WorkerProcess, build_worker
from comanda.contexts.campaigns.hands import Hands
from comanda.contexts.campaigns.hits import Hits
from comanda.contexts.campaigns.pacing import Pacing
from comanda.contexts.campaigns.rates import limits_of
from comanda.contexts.campaigns.settlement import Settling
from comanda.contexts.campaigns.settler import Settler
from comanda.contexts.ordering.intake import Intake
from comanda.contexts.payments.sandbox.books import Books
from comanda.contexts.payments.sandbox.delivery import Delivery
from comanda.contexts.payments.sandbox.settings import Current
from comanda.drill.proxy import Proxy
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.engine.errors import ComandaError, Unavailable
from comanda.engine.events import EventCatalogue, EventLog, Waker
from comanda.engine.files.local import LocalFileStore
from comanda.engine.grouping import Grouping
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Consumer, Worker
from comanda.engine.lanes.leases import Leases
from comanda.engine.lanes.log_source import LogSource
from comanda.engine.lanes.pace import Pace
from comanda.engine.rates import Rate
from comanda.engine.rates.limiter import Limiter
from comanda.engine.service import Loop, Service
from comanda.engine.timers import TimerMover
from comanda.engine.tracing.otlp import OtlpTracer
from comanda.engine.tracing.quiet import QuietTracer
from comanda.engine.transports.kafka.kafka_source import KafkaSource
from comanda.engine.transports.kafka.kafka_transport import KafkaTransport
from comanda.engine.transports.kafka.kafka_url import KafkaAddress
from comanda.engine.transports.sns_sqs import Address, SnsSqsTransport
from comanda.engine.transports.sns_sqs.inbox import Inbox
from comanda.engine.transports.sns_sqs.queue import Queue
from comanda.engine.transports.sns_sqs.sqs_source import SqsSource
from comanda.engine.transports.sns_sqs.watermark import Watermark
from comanda.house import build_house
from comanda.mail import Courier, Journal
from comanda.mail.mailbox.mailer import MailboxMailer
from comanda.mail.mailbox.reception import Reception
from comanda.mail.mailbox.record import Record
from comanda.mail.mailbox.server import Mailbox
from comanda.mail.pipeline import Server
from comanda.mail.posting import PostOffice
from comanda.mail.returns.listener import ReturnsListener
from comanda.mail.returns.marks import Marks
from comanda.mail.smtp import SmtpMailer, SmtpServer
from comanda.mail.sqlite_file import SqliteFile
from comanda.operations.watch import LaneWatch
from comanda.processes.health_port import HealthPort
from comanda.processes.nursery import Nursery
from comanda.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What services stand on.

    Attributes:
        database: open, for the test's own use and for services that are handed one.
        books: open, of the sandbox provider.
        folder: for files, and for the embedded server.
    """

    database: Database
    books: Books
    folder: Path
    clock: SystemClock
    ids: RandomIds

    @property
    def settings(self) -> Settings:
        """Settings for the parts that are made of settings."""
        return Settings(data=self.folder, database_url=self.database.url)


Factory = Callable[[Stage], Service]


async def _nothing(items: Sequence[int]) -> list[int | ComandaError]:
    return list(items)


async def _wait(stopping: asyncio.Event) -> None:
    await stopping.wait()


async def _handle(*_: object) -> None:
    return None


def _worker(stage: Stage) -> Worker:
    consumer = Consumer(name="test.nothing", on=(), handle=_handle)
    return Worker(stage.database, EventCatalogue([]), [consumer], clock=stage.clock, ids=stage.ids)


def _leases(stage: Stage) -> Leases:
    return Leases(stage.database, {"test.nothing": 16}, clock=stage.clock, wake=lambda: None)


def _intake(stage: Stage) -> Service:
    modules = build_house(stage.settings, role="test").modules
    return next(service for module in modules for service in module.services if isinstance(service, Intake))


async def _no_queue() -> Queue:
    raise Unavailable("Nobody answers.")


def _sqs_source(stage: Stage) -> SqsSource:
    return SqsSource(
        Consumer(name="test.nothing", on=(), handle=_handle),
        find=_no_queue,
        lose=lambda _: None,
        inbox=Inbox("test.nothing", "stage"),
        watermark=Watermark(stage.database, Consumer(name="test.nothing", on=(), handle=_handle)),
        ordered=True,
        visibility_s=10,
        clock=stage.clock,
        wake=lambda: None,
    )


def _mailer() -> MailboxMailer:
    return MailboxMailer(host="127.0.0.1", smtp_port=9, http_port=9)


def _kafka(stage: Stage) -> KafkaTransport:
    """Nobody answers at this port: what waits for Kafka must end all the same."""
    address = KafkaAddress.parse("kafka://127.0.0.1:9")
    return KafkaTransport(address, database=stage.database, clock=stage.clock, data_dir=stage.folder)


def _office(stage: Stage) -> PostOffice:
    return PostOffice(Server(host="127.0.0.1", port=9, tls="none"), stage.folder / "posting")


SERVICES: Mapping[type, Factory] = {
    Loop: lambda _: Loop("test", _wait),
    Database: lambda stage: Database(stage.database.url),
    EmbeddedPostgres: lambda stage: EmbeddedPostgres(stage.folder / "server", settings={"fsync": "off"}),
    Waker: lambda stage: Waker(stage.database),
    TimerMover: lambda stage: TimerMover(stage.database),
    Worker: _worker,
    Leases: _leases,
    LogSource: lambda stage: LogSource(
        "test.nothing", None, database=stage.database, leases=_leases(stage), clock=stage.clock
    ),
    Limiter: lambda stage: Limiter(stage.database, "test.nothing", [Rate(per_s=1)], stage.clock),
    Pace: lambda stage: Pace(
        Consumer(name="test.nothing", on=(), handle=_handle, rates=(Rate(per_s=1),)),
        stage.database,
        stage.clock,
        lambda event: event,
    ),
    QuietTracer: lambda _: QuietTracer(),
    OtlpTracer: lambda _: OtlpTracer("http://127.0.0.1:9/v1/traces", service="test"),
    KafkaTransport: _kafka,
    KafkaSource: lambda stage: _kafka(stage).source(Consumer(name="test.nothing", on=(), handle=_handle), lambda: None),
    Grouping: lambda _: Grouping("test", _nothing),
    LocalFileStore: lambda stage: LocalFileStore(stage.folder / "files", clock=stage.clock),
    Books: lambda stage: Books(stage.folder / "own-books.sqlite"),
    Delivery: lambda stage: Delivery(stage.books, Current(stage.books), stage.clock, stage.ids, key_window_s=86400),
    SqliteFile: lambda stage: SqliteFile(stage.folder / "file.sqlite", "CREATE TABLE IF NOT EXISTS t (a)"),
    Journal: lambda stage: Journal(stage.folder / "journal.sqlite", clock=stage.clock, ids=stage.ids),
    Courier: lambda stage: Courier(
        _mailer(), Journal(stage.folder / "courier.sqlite", clock=stage.clock, ids=stage.ids)
    ),
    MailboxMailer: lambda _: _mailer(),
    SmtpMailer: lambda _: SmtpMailer(SmtpServer(host="127.0.0.1", port=9, tls="none")),
    Record: lambda stage: Record(stage.folder / "record.sqlite", clock=stage.clock),
    Reception: lambda stage: Reception(
        Record(stage.folder / "received.sqlite", clock=stage.clock), host="127.0.0.1", port=0
    ),
    PostOffice: _office,
    Hits: lambda stage: Hits(stage.database, EventLog(Waker(stage.database))),
    Pacing: lambda stage: Pacing(stage.database, limits_of("all=10"), stage.clock),
    Settler: lambda stage: Settler(
        database=stage.database,
        settling=Settling(log=EventLog(Waker(stage.database)), clock=stage.clock, ids=stage.ids),
        office=_office(stage),
        hands=Hands(stage.clock),
        clock=stage.clock,
        lost_after_s=60.0,
    ),
    ReturnsListener: lambda _: ReturnsListener(
        host="127.0.0.1", port=0, marks=Marks([b"a key of the tests"]), take=_handle
    ),
    Mailbox: lambda stage: Mailbox(stage.folder / "mailbox", smtp_port=0, http_port=0, clock=stage.clock),
    Nursery: lambda _: Nursery(),
    Proxy: lambda _: Proxy("test"),
    Intake: _intake,
    SqsSource: _sqs_source,
    SnsSqsTransport: lambda stage: SnsSqsTransport(
        Address(region="eu-central-1", prefix="stage"), [], database=stage.database, clock=stage.clock, ids=stage.ids
    ),
    WorkerProcess: lambda stage: build_worker(stage.settings, None),
    LaneWatch: lambda stage: LaneWatch(stage.database, [], stage.clock),
    HealthPort: lambda _: HealthPort("127.0.0.1", 0, lambda: True),
}

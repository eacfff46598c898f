"""What the suite of all transports needs of each."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.events import EventLog, Waker
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Consumer, Worker
from comanda.engine.service import running
from comanda.engine.transports import Transport, from_url, relay_of
from tests.fakes.lanes import CATALOGUE
from tests.servers.servers import Servers

LEASE_S = 2.0


class Stage(Protocol):
    """One transport with its server, for one test.

    Attributes:
        database_url: a migrated database of the test's own.
        url: the `COMANDA_EVENTS_URL` of a topic of the test's own.
        ordered: whether the carrier promises to keep the order of each key.
    """

    database_url: str
    url: str
    ordered: bool

    async def kill_server(self) -> None:
        """Let the carrier's server die at once."""
        ...

    async def start_server(self) -> None:
        """Start it again on what it had stored, and return when it answers."""
        ...

    def credulous(self) -> AbstractContextManager[None]:
        """Take the check for duplicates out of the transport's sources, for the length of the block."""
        ...


Opened = Callable[[Servers], AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def process(url: str, database: Database, *consumers: Consumer, folder: Path) -> AsyncIterator[Worker]:
    """Run what a worker process runs: the transport, the relay and the lanes."""
    transport = carrier(url, database, *consumers, folder=folder)
    worker = Worker(
        database,
        CATALOGUE,
        [*consumers, *([] if transport is None else [relay_of(transport)])],
        clock=SystemClock(),
        ids=RandomIds(),
        sources=None if transport is None else transport.source,
        lease_s=LEASE_S,
        look_s=0.1,
        poll_s=0.2,
    )
    async with running([worker] if transport is None else [transport, worker]):
        yield worker


def carrier(url: str, database: Database, *consumers: Consumer, folder: Path) -> Transport | None:
    """Return the transport that a process would have."""
    return from_url(url, database=database, consumers=consumers, clock=SystemClock(), ids=RandomIds(), data_dir=folder)


@asynccontextmanager
async def opened_log(database: Database) -> AsyncIterator[EventLog]:
    """Lend a log whose waker runs."""
    waker = Waker(database)
    async with running([waker]):
        yield EventLog(waker)

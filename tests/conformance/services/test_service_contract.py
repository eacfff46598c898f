import ast
import asyncio
import contextlib
import gc
import inspect
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

import comanda
from comanda.contexts.payments.sandbox.books import Books
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database
from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.engine.errors import ComandaError
from comanda.engine.ids import RandomIds
from comanda.engine.service import Service
from comanda.mail.posting import PostOffice
from comanda.processes.nursery import Nursery
from tests.conformance.services.stage import SERVICES, Factory, Stage

ROUNDS = 50
HEAVY_ROUNDS = 4
HEAVY = {EmbeddedPostgres, Nursery, PostOffice}
"""Services that start a process of a second or so: fewer rounds."""

TICKS = (1, 2, 3, 5, 8, 13, 34)

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
async def stage(shared_database_url: str) -> AsyncIterator[Stage]:
    """What services stand on, already running."""
    with tempfile.TemporaryDirectory(prefix="comanda-services-") as folder:
        database = Database(shared_database_url, min_size=1, max_size=4, name="stage")
        books = Books(Path(folder, "books.sqlite"))
        await database.start()
        await books.start()
        # What stands already is left out of the collections below, each of which would take a third of a second.
        gc.freeze()
        yield Stage(database=database, books=books, folder=Path(folder), clock=SystemClock(), ids=RandomIds())
        gc.unfreeze()
        await books.stop()
        await database.stop()


@pytest.fixture(params=list(SERVICES), ids=lambda kind: kind.__name__.strip("_"))
def kind(request: pytest.FixtureRequest) -> type:
    """Each service in turn."""
    kind: type = request.param
    return kind


@pytest.fixture
def make(kind: type) -> Factory:
    """How the service is made."""
    return SERVICES[kind]


def _tasks() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def _children() -> set[psutil.Process]:
    return {child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


@contextlib.asynccontextmanager
async def leaves_nothing(stage: Stage, make: Factory) -> AsyncIterator[None]:
    """Check that the block leaves no task, file descriptor or child process behind that was not there before."""
    # The first start of a kind may open what is kept for good, a thread pool's say.
    await once(make(stage))
    gc.collect()
    process = psutil.Process()
    tasks, children, descriptors = _tasks(), _children(), process.num_fds()
    yield
    gc.collect()
    for _ in range(100):
        # Transports close their sockets, and servers say goodbye, in the next turns of the loop.
        await asyncio.sleep(0.01)
        if not (_tasks() - tasks or _children() - children or process.num_fds() > descriptors):
            return
    left = [task.get_name() for task in _tasks() - tasks], [child.cmdline() for child in _children() - children]
    assert left == ([], [])
    assert process.num_fds() <= descriptors


async def once(service: Service) -> None:
    """Start and stop."""
    await service.start()
    await service.stop()


async def test_starting_twice_starts_once(stage: Stage, make: Factory) -> None:
    """A second start of what runs changes nothing."""
    async with leaves_nothing(stage, make):
        service = make(stage)
        await service.start()
        await service.start()
        await service.stop()


async def test_stopping_twice_and_at_once_is_the_same_as_once(stage: Stage, make: Factory) -> None:
    """Stops that come together all return when nothing runs any more, and so does one that comes later."""
    async with leaves_nothing(stage, make):
        service = make(stage)
        await service.start()
        await asyncio.gather(*(service.stop() for _ in range(5)))
        await service.stop()


async def test_a_stop_before_the_start_is_safe(stage: Stage, make: Factory) -> None:
    """Stopping what has not started does nothing; a start after it either refuses or is stopped as any other."""
    async with leaves_nothing(stage, make):
        service = make(stage)
        await service.stop()
        with contextlib.suppress(ComandaError):
            await service.start()
        await service.stop()


async def test_a_stop_during_the_start_leaves_nothing(stage: Stage, kind: type, make: Factory) -> None:
    """However far the start has come when the stop is called: once both have returned, nothing runs."""
    async with leaves_nothing(stage, make):
        for ticks in TICKS[:: 3 if kind in HEAVY else 1]:
            service = make(stage)
            starting = asyncio.create_task(service.start())
            for _ in range(ticks):
                await asyncio.sleep(0)
            await service.stop()
            with contextlib.suppress(ComandaError):
                await starting


async def test_many_starts_and_stops_pile_up_nothing(stage: Stage, kind: type, make: Factory) -> None:
    """The fiftieth start finds the process as the first did."""
    async with leaves_nothing(stage, make):
        for _ in range(HEAVY_ROUNDS if kind in HEAVY else ROUNDS):
            await once(make(stage))
    assert await stage.database.fetch_value(CONNECTIONS) <= 4


def test_every_service_is_put_through_this() -> None:
    """A class with an async `start` and `stop` that is missing from the list is found by reading the sources."""
    tested = {(inspect.getsourcefile(kind), kind.__name__) for kind in SERVICES}
    found = set(_services(Path(inspect.getsourcefile(comanda) or "").parent))
    assert found - tested == set()


def _services(source: Path) -> Iterator[tuple[str, str]]:
    for path in source.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef) or "Protocol" in {ast.unparse(parent) for parent in node.bases}:
                continue
            if {"start", "stop"} <= {part.name for part in node.body if isinstance(part, ast.AsyncFunctionDef)}:
                yield str(path), node.name

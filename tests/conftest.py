"""What every test may ask for: a clock and ids that it controls, and a migrated database of its own."""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import structlog

from comanda.engine.database import Database
from comanda.engine.database.embedded import EmbeddedPostgres
from comanda.migrations import migrate
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SeededIds
from tests.servers.servers import Servers

pytest_plugins = ["tests.plugins.no_skips"]

TEMPLATE = "comanda_template"

UNSAFE_AND_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "1GB",
    "shared_buffers": "128MB",
    "max_prepared_transactions": "2",
}
"""A test's server need not survive the machine's loss of power; tests that are about survival start their own."""

MEMORY = Path("/dev/shm")  # noqa: S108 - the server makes a folder there that only its user can enter
ROOM_BYTES = 3 * 1024**3

_numbers = itertools.count(1)

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ],
    # As the program does: what a command prints is not mixed with what its parts have to say.
    logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
)


@pytest.fixture(scope="session", autouse=True)
def own_log() -> Iterator[None]:
    """Leave the tests' log alone when a command runs in their process: typer's runner closes what it would write to."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("comanda.cli.command.configure_logs", lambda *_: None)
        yield


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still at a Monday noon."""
    return FakeClock()


@pytest.fixture
def ids() -> SeededIds:
    """Ids, tokens and chance, the same in every run."""
    return SeededIds()


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """The session's PostgreSQL server.

    It has a folder outside pytest's own: started as root, the server runs as another user, and the next run of pytest
    on the same machine closes pytest's folder to others.
    """
    with tempfile.TemporaryDirectory(prefix="comanda-postgres-", dir=_memory()) as folder:
        server = EmbeddedPostgres(Path(folder), settings=UNSAFE_AND_FAST)
        await server.start()
        yield server
        await server.stop()


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database that tests clone."""
    await _run(postgres, f"CREATE DATABASE {TEMPLATE}")
    await migrate(_url(postgres, TEMPLATE))
    return TEMPLATE


@pytest.fixture
async def empty_database_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own."""
    async with _database(postgres) as url:
        yield url


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """The URL of a migrated database of the test's own."""
    async with _database(postgres, f"TEMPLATE {template} STRATEGY FILE_COPY") as url:
        yield url


@pytest.fixture(scope="module")
async def shared_database_url(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """The URL of a migrated database that the tests of one module share: for those that write nothing into it."""
    async with _database(postgres, f"TEMPLATE {template} STRATEGY FILE_COPY") as url:
        yield url


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres, template: str) -> Callable[[], AbstractAsyncContextManager[str]]:
    """Makes a migrated database for the length of a block, and yields its URL."""
    return lambda: _database(postgres, f"TEMPLATE {template} STRATEGY FILE_COPY")


@pytest.fixture(scope="session")
async def servers(new_database: Callable[[], AbstractAsyncContextManager[str]]) -> AsyncIterator[Servers]:
    """Servers beside the database; each is started by the first test that needs it."""
    servers = Servers(new_database)
    yield servers
    await servers.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A started `Database` on a migrated database of the test's own."""
    database = Database(database_url, max_size=16, name="test")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real input; a test that needs it skips where it is absent, but never in CI."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{folder} is missing, and in CI its tests must run.")
        pytest.skip(f"{folder} is absent")
    return folder


@asynccontextmanager
async def _database(postgres: EmbeddedPostgres, how: str = "") -> AsyncIterator[str]:
    name = f"test_{next(_numbers)}"
    await _run(postgres, f"CREATE DATABASE {name} {how}")
    yield _url(postgres, name)
    await _run(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _memory() -> Path | None:
    """Return a folder in memory that has room, in which a database is cloned five times faster than on a disk."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        return MEMORY
    return None


def _url(postgres: EmbeddedPostgres, name: str) -> str:
    return postgres.url.replace("/comanda?", f"/{name}?")


async def _run(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

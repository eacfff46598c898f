"""A pool of connections to PostgreSQL, and the transactions made on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import asyncpg
import structlog

from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database.transaction import Record, Transaction
from comanda.engine.errors import ComandaError, Unavailable
from comanda.engine.ids import Ids, RandomIds

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

SESSION = {
    "timezone": "UTC",
    "jit": "off",
    # A plan made for the arguments at hand looks cheaper wherever it leaves partitions out, so that PostgreSQL plans
    # such statements (and the foreign keys' own) anew each time: 0.5 ms for each line of an order. Generic plans leave
    # the same partitions out as they run.
    "plan_cache_mode": "force_generic_plan",
    # A process that hangs in the middle of a transaction holds the horizon of all lanes (see docs/decisions/0055).
    "idle_in_transaction_session_timeout": "10s",
}
"""How our connections are set up."""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_QUICK = BEGIN + "; SET LOCAL synchronous_commit = off"
"""One exchange with the server each, which asyncpg's own transactions would take two for."""

ROLLBACK_S = 1.0
"""How long a rollback may take, before the session is ended instead."""

MAX_TRIES = 8
"""How often a transaction is tried when PostgreSQL ends it to break a deadlock or a conflict."""

RETRIED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    # What the driver says when it is asked for more after a server's last word, and before it hears of the end.
    asyncpg.InternalClientError,
)
"""What a dead, starting or overfull server answers."""

UNREACHABLE = (*GONE, OSError, TimeoutError, asyncpg.InterfaceError)
"""What opening a connection to such a server raises: its answers, and the driver's own errors."""


async def _reset(connection: asyncpg.Connection) -> None:
    """Make a connection fit to be lent again.

    Nothing here leaves a session changed (settings are SET LOCAL, LISTEN and session locks have connections of their
    own), so asyncpg's reset, a round trip with each return, is kept for a connection that was left in the middle.
    """
    if connection.is_in_transaction():
        await connection.reset()


class InTransactionFailed(ComandaError):
    """A statement failed, its error was swallowed, and the transaction went on as if nothing had happened."""


class Database:
    """A pool of connections to one PostgreSQL.

    Promises: a transaction commits whole or not at all; a dead server is `Unavailable`, never a raw driver error;
    after the server is back, the next transaction works without a restart of this process.

    Args:
        url: `postgresql://…`.
        min_size: connections kept open.
        max_size: connections at most; who finds none waits, up to `wait_s` seconds, and then gets `Unavailable`.
        wait_s: how long to wait for a connection.
        command_s: how long a statement may take; a query on its own that takes longer is `Unavailable`.
        name: shown in `pg_stat_activity`.
    """

    def __init__(
        self,
        url: str,
        *,
        min_size: int = 1,
        max_size: int = 8,
        wait_s: float = 5.0,
        command_s: float = 30.0,
        name: str = "comanda",
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self.url = url
        self._min_size = min_size
        self._max_size = max_size
        self._wait_s = wait_s
        self._command_s = command_s
        self._name = name
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._pool: asyncpg.Pool | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Open the pool. Raises `Unavailable` when the server does not answer."""
        async with self._turn:
            if self._pool is not None:
                return
            try:
                self._pool = await asyncpg.create_pool(
                    self.url,
                    min_size=self._min_size,
                    max_size=self._max_size,
                    timeout=self._wait_s,
                    command_timeout=self._command_s,
                    reset=_reset,
                    server_settings={"application_name": self._name, **SESSION},
                )
            except UNREACHABLE as error:
                raise Unavailable(f"The database does not answer: {error}") from error

    async def stop(self) -> None:
        """Close the pool; what is under way has two seconds to end."""
        async with self._turn:
            pool, self._pool = self._pool, None
            if pool is None:
                return
            try:
                await asyncio.wait_for(pool.close(), 2.0)
            except TimeoutError:
                pool.terminate()

    async def connect(self) -> asyncpg.Connection:
        """Open one connection outside the pool, for LISTEN and signs of life. The caller closes it."""
        try:
            return await asyncpg.connect(
                self.url,
                timeout=self._wait_s,
                server_settings={"application_name": self._name + " direct", "timezone": "UTC"},
            )
        except UNREACHABLE as error:
            raise Unavailable(f"The database does not answer: {error}") from error

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection with no transaction open: each statement stands alone."""
        if self._pool is None:
            raise Unavailable("The database is not open.")
        try:
            connection = await self._pool.acquire(timeout=self._wait_s)
        except UNREACHABLE as error:
            raise Unavailable(f"The database does not answer: {error}") from error
        try:
            yield connection
        except GONE as error:
            # It may not have heard of its end; lent again, it would fail the next one who asks.
            _give_up(connection)
            raise Unavailable(f"The database went away: {error}") from error
        except UNREACHABLE as error:
            # A handler's own OSError or TimeoutError is not the database's.
            if _is_lost(connection):
                raise Unavailable(f"The database went away: {error}") from error
            raise
        finally:
            with contextlib.suppress(*UNREACHABLE):
                await self._pool_release(connection)

    async def _pool_release(self, connection: asyncpg.Connection) -> None:
        if self._pool is not None:
            await self._pool.release(connection)

    @contextlib.asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Transaction]:
        """Open a READ COMMITTED transaction; commit at the end of the block, roll back when it raises.

        Where `durable` is false the commit does not wait for the disk: it is whole and seen by all at once, but when
        the server crashes within the next half second it may be gone, whole, and with it all that came after it and
        was not durable either. For what is done again then by itself (a lane's effect and its cursor).
        """
        async with self.connection() as connection:
            transaction = Transaction(connection)
            await connection.execute(BEGIN if durable else BEGIN_QUICK)
            try:
                yield transaction
                await transaction.flush()
            except BaseException:
                if not _is_lost(connection):
                    await self._roll_back(connection)
                raise
            if await connection.execute("COMMIT") != "COMMIT":
                raise InTransactionFailed("A statement of this transaction had failed: nothing was committed.")
        transaction.committed()

    async def _roll_back(self, connection: asyncpg.Connection) -> None:
        pid = connection.get_server_pid()
        try:
            await connection.execute("ROLLBACK", timeout=ROLLBACK_S)
        except TimeoutError:
            # Whoever was cancelled in a statement asked the server to break it off, and a wish that overtakes its
            # statement is lost there. What the transaction holds must be free soon all the same.
            _give_up(connection)
            await self.fetch_value("SELECT pg_terminate_backend($1)", pid)

    async def run(self, work: Callable[[Transaction], Awaitable[Result]], *, durable: bool = True) -> Result:
        """Run `work` in a transaction, again from the start when PostgreSQL broke a deadlock or a conflict."""
        for attempt in range(MAX_TRIES):
            try:
                async with self.transaction(durable=durable) as tx:
                    return await work(tx)
            except RETRIED as error:
                log.info("transaction retried", attempt=attempt + 1, error=str(error))
                if attempt + 1 == MAX_TRIES:
                    raise
                await self._clock.sleep(self._ids.fraction() * 0.01 * 2**attempt)
        raise AssertionError("unreachable")

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Record]:
        """Run one query on its own and return all its rows."""
        async with self.connection() as connection:
            with _in_time(connection):
                rows: Sequence[Record] = await connection.fetch(sql, *arguments)
            return rows

    async def fetch_row(self, sql: str, *arguments: Any) -> Record | None:
        """Run one query on its own and return its first row, or None."""
        async with self.connection() as connection:
            with _in_time(connection):
                row: Record | None = await connection.fetchrow(sql, *arguments)
            return row

    async def fetch_value(self, sql: str, *arguments: Any) -> Any:
        """Run one query on its own and return its first value, or None."""
        async with self.connection() as connection:
            with _in_time(connection):
                return await connection.fetchval(sql, *arguments)

    async def ping(self) -> None:
        """Raise `Unavailable` when the server does not answer a trivial query."""
        await self.fetch_value("SELECT 1")


@contextlib.contextmanager
def _in_time(connection: asyncpg.Connection) -> Iterator[None]:
    """Take it for a dead server when a query on its own gets no answer in time: the time-out can be nobody else's."""
    try:
        yield
    except TimeoutError as error:
        _give_up(connection)
        raise Unavailable("The database does not answer in time.") from error


def _give_up(connection: asyncpg.Connection) -> None:
    """End a lent connection, so that the pool opens another in its place."""
    # The pool takes one that has ended back by itself.
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


def _is_lost(connection: asyncpg.Connection) -> bool:
    """Whether a lent connection has ended. The pool takes such a one back by itself; then it answers nothing at all."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True

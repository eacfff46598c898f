"""The post office of a process: its connections to the mail server, its journal and its guard."""

import asyncio
import contextlib
import os
import ssl
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import structlog

from comanda.engine.clock import Clock, SystemClock
from comanda.mail.errors import Abandoned
from comanda.mail.pipeline import CannotConnect, Outcome, Outgoing, Server, Stream, connect
from comanda.mail.posting import files, recovery
from comanda.mail.posting.journal import SEGMENT, ConnectionNotes, Journal
from comanda.mail.posting.keeper import Keeper
from comanda.mail.posting.post import Absent, Key, Posting

log = structlog.get_logger(__name__)

MOST_TRIES = 5
"""How often a mail that a connection ended under is tried, before it comes back as it is."""

LOOK_S = 0.05
"""How often a successor looks whether a guard has finished."""

CLOSING = 421


class _Job:
    """One mail that waits or is in hand."""

    __slots__ = ("done", "posting", "tries")

    def __init__(self, posting: Posting, done: asyncio.Future[Outcome]) -> None:
        self.posting, self.done, self.tries = posting, done, 0


class PostOffice:
    """Posts mails over SMTP.

    Args:
        server: the mail server.
        folder: for the journals of this machine's processes; made if need be.
        connections: the most at a time; opened when there is work for them.
        idle_s: a connection that has had nothing to do for so long is closed.
        away_s: when no connection could be made for so long, mails that wait come back as unsent.
        guard_s: how long the guard waits for answers when this process has died.
        segment: octets of one file of the journal.
        guarded: start a guard; without one, what is in flight when the process is killed is uncertain.

    Attributes:
        journal_id, machine: see `Post`; the machine is known once it was started.
    """

    def __init__(
        self,
        server: Server,
        folder: Path,
        *,
        connections: int = 4,
        idle_s: float = 30.0,
        away_s: float = 10.0,
        guard_s: float = 60.0,
        segment: int = SEGMENT,
        guarded: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.server, self.connections = server, connections
        self._folder = folder
        self._idle_s, self._away_s, self._guard_s = idle_s, away_s, guard_s
        self._clock = clock or SystemClock()
        self._guarded = guarded
        self.journal_id = os.urandom(8).hex()
        self.machine = ""
        self._journal = Journal(folder, self.journal_id, segment=segment)
        self._keeper: Keeper | None = None
        self._context: ssl.SSLContext | None = None
        self._waiting: deque[_Job] = deque()
        self._in_hand: dict[Key, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._work = asyncio.Event()
        self._numbers = 0
        self._open = 0
        self._failing_since: float | None = None
        self._running = False
        self._turn = asyncio.Lock()

    @property
    def guard_pid(self) -> int | None:
        """The process of the guard, if there is one."""
        return self._keeper.pid if self._keeper is not None else None

    async def start(self) -> None:
        """Open the journal and start the guard. Raises `OSError` when the disk has no room."""
        async with self._turn:
            if not self._running:
                self._open_up()

    async def stop(self) -> None:
        """End all connections; mails that wait come back as unsent, those in flight as uncertain."""
        self._running = False
        async with self._turn:
            await self._close_down()

    def _open_up(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.machine = _machine(self._folder)
        if self.server.tls != "none":
            self._context = ssl.create_default_context(cafile=self.server.ca_file)
        try:
            self._journal.open()
            if self._guarded:
                self._keeper = Keeper(self._folder, self.journal_id, self._journal.guard_lock, patience_s=self._guard_s)
                self._keeper.start()
        except BaseException:
            self._journal.close()
            raise
        self._running = True

    async def _close_down(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._give_back("The post office was closed.")
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.stop()
        self._journal.close()

    async def post(self, mails: Iterable[Posting]) -> Mapping[Key, Outcome]:
        """Post mails; return what became of each of them.

        When the caller is cancelled, mails that wait are given up, and those in hand go on; `fates` tells of them.
        """
        if not self._running:
            raise RuntimeError("The post office is closed.")
        loop = asyncio.get_running_loop()
        jobs = [_Job(mail, loop.create_future()) for mail in mails]
        self._waiting.extend(jobs)
        self._work.set()
        while len(self._tasks) < min(self.connections, len(self._waiting)):
            task = loop.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        # The futures are cancelled together with this, and those that wait are then passed over.
        outcomes = await asyncio.gather(*(job.done for job in jobs))
        return {job.posting.key: each for job, each in zip(jobs, outcomes, strict=True)}

    async def fates(self, journal_id: str, keys: Iterable[Key]) -> Mapping[Key, Outcome] | Absent:
        """Return what became of mails that the process of a journal had claimed; may wait for its guard."""
        if not files.path(self._folder, journal_id, files.OWNER).exists():
            return Absent.UNKNOWN
        if journal_id == self.journal_id:
            wanted = list(keys)
            while any(key in self._in_hand for key in wanted):
                await self._clock.sleep(LOOK_S)
            with contextlib.suppress(OSError):
                self._journal.keep()
            return await asyncio.to_thread(recovery.fates, self._folder, journal_id, wanted)
        end = self._clock.monotonic() + self._guard_s + 1
        while files.locked(self._folder, journal_id, files.GUARD):
            if files.locked(self._folder, journal_id, files.OWNER):
                return Absent.OWNER_LIVES
            if self._clock.monotonic() > end:
                return Absent.GUARD_WAITS
            await self._clock.sleep(LOOK_S)
        return await asyncio.to_thread(recovery.fates, self._folder, journal_id, keys)

    async def forget(self, journal_id: str) -> None:
        """Remove a dead process's journal: all its claims are settled. Leaves one whose process or guard lives."""
        if journal_id != self.journal_id and not files.locked(self._folder, journal_id, files.GUARD):
            await asyncio.to_thread(files.remove, self._folder, journal_id)

    def settled(self, keys: Iterable[Key]) -> None:
        """Let go of own mails: their fates are written down elsewhere."""
        self._journal.settled(keys)

    async def _serve(self) -> None:
        """Keep one connection, as long as there is work for it."""
        failures = 0
        stream: Stream | None = None
        number = 0
        try:
            while self._running:
                if not self._waiting:
                    self._work.clear()
                    try:
                        async with asyncio.timeout(self._idle_s):
                            await self._work.wait()
                    except TimeoutError:
                        return
                    continue
                if stream is None:
                    try:
                        stream, number = await self._connected()
                    except CannotConnect as error:
                        failures += 1
                        await self._away(error, failures)
                        continue
                    failures = 0
                if await stream.send(self._next(), self._report) is not None:
                    self._ended(number)
                    stream = None
        except Abandoned:
            raise asyncio.CancelledError from None
        finally:
            if stream is not None:
                if stream.ended is None:
                    await stream.close()
                self._ended(number)

    async def _connected(self) -> tuple[Stream, int]:
        session = await connect(self.server, self._context)
        self._numbers += 1
        number = self._numbers
        # The count of octets in the records begins at the session's own.
        session.connection.witness = ConnectionNotes(self._journal, number)
        if session.connection.wire is not None and self._keeper is not None:
            self._keeper.hold(number, session.connection.wire.socket)
        self._open += 1
        self._failing_since = None
        return Stream(session), number

    def _ended(self, number: int) -> None:
        self._open -= 1
        if self._keeper is not None:
            self._keeper.drop(number)

    async def _away(self, error: CannotConnect, failures: int) -> None:
        """Wait before the next try; give the mails back when the server has been away for too long."""
        now = self._clock.monotonic()
        if self._open:
            # It takes fewer connections than we would like; those that are open do the work.
            await self._clock.sleep(self._idle_s)
            return
        self._failing_since = now if self._failing_since is None else self._failing_since
        if now - self._failing_since >= self._away_s:
            if self._waiting:
                log.warning("the mail server cannot be reached; mails wait", waiting=len(self._waiting), why=str(error))
            self._give_back(str(error))
            return
        await self._clock.sleep(min(0.1 * 2 ** min(failures, 5), 5.0))

    def _give_back(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, deque()
        for job in waiting:
            if not job.done.done():
                job.done.set_result(Outcome("unsent", reason))

    def _next(self) -> Iterator[Outgoing[Key]]:
        while self._running and self._waiting:
            job = self._waiting.popleft()
            if job.done.done():
                continue
            posting = job.posting
            try:
                content = posting.build()
            except Exception as error:
                log.exception("mail cannot be built", campaign=posting.campaign, recipient=posting.recipient)
                job.done.set_result(Outcome("refused_for_good", f"The mail cannot be built: {error}"))
                continue
            self._in_hand[posting.key] = job
            yield Outgoing(posting.sender, posting.to, content, posting.key)

    def _report(self, mail: Outgoing[Key], outcome: Outcome) -> None:
        job = self._in_hand.pop(mail.key)
        job.tries += 1
        # 421 before the content is about the connection, not about the mail.
        again = outcome.kind == "unsent" or (outcome.code == CLOSING and outcome.step != "content")
        if again and job.tries < MOST_TRIES and self._running and not job.done.done():
            self._waiting.appendleft(job)
            self._journal.told(mail.key, Outcome("unsent", outcome.text))
            return
        if outcome.step != "content":
            self._journal.told(mail.key, outcome)
        if not job.done.done():
            job.done.set_result(outcome)


def _machine(folder: Path) -> str:
    """Return the folder's name for itself, made at the first call."""
    file, draft = folder / "machine", folder / f"machine.{os.getpid()}.{os.urandom(4).hex()}"
    if not file.exists():
        draft.write_text(os.urandom(8).hex())
        # A link is made by one process only, and whole.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text()

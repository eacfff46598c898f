"""The worker's side of its guard: starts it, hands it the connections, and starts another if it dies."""

import asyncio
import contextlib
import socket
import subprocess
from pathlib import Path

import structlog

from comanda.mail.posting.guard import COMMAND, DONE, DROP, HOLD

log = structlog.get_logger(__name__)

MOST_STARTS = 100
"""Guards started for one worker; if they die faster than that, something is very wrong, and it does without."""


class Keeper:
    """Keeps a guard at work.

    Args:
        folder, journal: whose.
        lock: handle of the lock that the guard is to hold as well.
        patience_s: how long the guard waits for answers.
    """

    def __init__(self, folder: Path, journal: str, lock: int, *, patience_s: float) -> None:
        self._arguments = (str(folder), journal, str(patience_s))
        self._lock = lock
        self._held: dict[int, socket.socket] = {}
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    @property
    def pid(self) -> int | None:
        """The guard's process, if there is one."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start a guard and hand it what is held; takes some milliseconds."""
        self._starts += 1
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            # A session of its own: what is sent to the worker's process group does not reach it.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                (*COMMAND, str(its.fileno()), *self._arguments),
                pass_fds=(its.fileno(), self._lock),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._channel = ours
        for number, connection in self._held.items():
            self._say(HOLD, number, connection)
        asyncio.get_running_loop().add_reader(ours.fileno(), self._died)

    def hold(self, number: int, connection: socket.socket) -> None:
        """Hand over a connection."""
        self._held[number] = connection
        self._say(HOLD, number, connection)

    def drop(self, number: int) -> None:
        """Have the guard let go of a connection."""
        if self._held.pop(number, None) is not None:
            self._say(DROP, number)

    async def stop(self) -> None:
        """Have the guard end, and wait for it."""
        channel, process = self._channel, self._process
        self._channel = self._process = None
        if channel is None or process is None:
            return
        asyncio.get_running_loop().remove_reader(channel.fileno())
        with contextlib.suppress(OSError):
            channel.send(DONE)
        try:
            await asyncio.to_thread(process.wait)
        finally:
            channel.close()

    def _say(self, what: bytes, number: int, connection: socket.socket | None = None) -> None:
        if self._channel is None:
            return
        # A guard that has just died is noticed by `_died`, and its successor gets all that is held.
        with contextlib.suppress(OSError):
            socket.send_fds(self._channel, [what + b"%d" % number], [connection.fileno()] if connection else [])

    def _died(self) -> None:
        if self._channel is None or self._process is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        self._channel.close()
        self._process.wait()
        log.warning("posting guard died", exit_code=self._process.returncode)
        self._channel = self._process = None
        if self._starts < MOST_STARTS:
            self.start()

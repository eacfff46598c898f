"""The running server of a data directory, as its `postmaster.pid` tells."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

import psutil

PID_FILE = "postmaster.pid"


class Postmaster(NamedTuple):
    """A PostgreSQL that runs on a data directory.

    Attributes:
        pid: of its first process.
        port: names its socket, and is its TCP port where it listens on one.
        socket_dir: where its Unix socket is.
        status: `starting`, `ready`, `stopping`, `standby`; empty while it is too young to say.
    """

    pid: int
    port: int
    socket_dir: str
    status: str

    @property
    def alive(self) -> bool:
        """Whether the process still runs (a zombie does not)."""
        return is_alive(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it is gone."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return


def is_alive(pid: int) -> bool:
    """Whether a process of this id runs."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def find(pgdata: Path) -> Postmaster | None:
    """Return the server that runs on `pgdata`, or None.

    A `postmaster.pid` left behind by a server that was killed does not count, also when its process id meanwhile
    belongs to someone else (as happens in containers, where ids start from 1 again).
    """
    told = read(pgdata)
    if told is None:
        return None
    try:
        command = psutil.Process(told.pid).cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return None
    return told if _is_postgres_on(command, pgdata) else None


def read(pgdata: Path) -> Postmaster | None:
    """Return what `postmaster.pid` says, true or stale; None when there is none, or none yet."""
    try:
        lines = (pgdata / PID_FILE).read_text().splitlines()
    except (FileNotFoundError, PermissionError):
        return None
    lines = [line.strip() for line in lines] + [""] * 8
    if not lines[0].isdigit():
        return None
    return Postmaster(pid=int(lines[0]), port=int(lines[3] or 0), socket_dir=lines[4], status=lines[7])


def take_over_file(pgdata: Path) -> None:
    """Write our own process id into stale lock files (the data's, the socket's) whose id is still, or again, in use.

    PostgreSQL refuses to start while a process of that id exists: a stranger, or its own zombie that nobody has waited
    for (the first process of a container often does not). But it knows that its own parent is no rival. The rest of
    the file stays: by it PostgreSQL finds out whether processes of the killed server still use its shared memory.
    """
    stale = read(pgdata)
    if stale is None or not psutil.pid_exists(stale.pid):
        return
    for path in (pgdata / PID_FILE, Path(stale.socket_dir, f".s.PGSQL.{stale.port}.lock")):
        if path.exists():
            first, _, rest = path.read_text().partition("\n")
            if first.strip() == str(stale.pid):
                path.write_text(f"{os.getpid()}\n{rest}")


def _is_postgres_on(command: list[str], pgdata: Path) -> bool:
    return bool(command) and Path(command[0]).name.startswith("postgres") and str(pgdata) in command

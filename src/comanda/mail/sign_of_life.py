"""Whether another process on this machine still lives: a locked file, which the system unlocks when its owner dies.

A paused process still holds its lock, and it should: it may go on at any moment with what it was doing.
"""

import contextlib
import fcntl
import os
from pathlib import Path

MOST_TRIES = 10
"""How often a file that somebody swept away between its making and its locking is made again."""


class SignOfLife:
    """A lock that this process holds from `take` until `give_up` or its death.

    Args:
        folder: shared by the processes that want to know of each other.
        name: this one's, never used twice.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._handle: int | None = None

    def take(self) -> None:
        """Make and lock the file, and sweep away those of the dead."""
        if self._handle is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.iterdir():
            lives(self.folder, left.name)
        path = self.folder / self.name
        for _ in range(MOST_TRIES):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(handle).st_ino:
                    self._handle = handle
                    return
            os.close(handle)
        raise OSError(f"{path} is swept away again and again")

    def give_up(self) -> None:
        """Unlock and remove the file."""
        handle, self._handle = self._handle, None
        if handle is not None:
            (self.folder / self.name).unlink(missing_ok=True)
            os.close(handle)


def lives(folder: Path, name: str) -> bool:
    """Return whether the process that took this name still lives; the file of a dead one is removed."""
    path = folder / name
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False

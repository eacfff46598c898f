"""One owner per folder: a lock that the operating system lets go of when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

from comanda.engine.errors import SettingError

LOCK_FILE = "lock"


class FolderLock:
    """The right to run on a data directory. Held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, making the folder where there is none.

        Raises `SettingError` when another process holds it, or when the folder cannot be written to.
        """
        if self._descriptor is not None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingError(
                f"The data directory {self._folder} cannot be written to ({error.strerror}): give this user the right "
                f"to write there, or name another one with --data."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise FolderInUse(self._folder, holder) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock; does nothing when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)


class FolderInUse(SettingError):
    """Another process runs on this data directory."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"Another comanda{f' (process {holder})' if holder else ''} already runs on {folder}: stop it, or name "
            f"another data directory with --data."
        )
        self.folder = folder
        self.holder = holder

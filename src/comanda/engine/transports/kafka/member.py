"""Who this process is in Kafka's groups: a name that a process which takes its place takes over.

A member that comes back under its name within the session gets its partitions back with no rebalance (static
membership, KIP-345). The name is this machine's, the data directory's and a number's: the lowest that no living process
here has. The operating system lets go of the number when its process dies, however it dies.
"""

import hashlib
import socket
from pathlib import Path

from comanda.engine.errors import SettingError
from comanda.engine.folder_lock import FolderInUse, FolderLock

MOST = 256
"""Worker processes on one data directory."""


class Member:
    """A process's place among those of its data directory. Held from `acquire` to `release`."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "members"
        self._lock: FolderLock | None = None
        self.name = ""

    def acquire(self) -> None:
        """Take the lowest number that is free. Raises `SettingError` where the folder cannot be written to."""
        if self._lock is not None:
            return
        for number in range(MOST):
            lock = FolderLock(self._folder / str(number))
            try:
                lock.acquire()
            except FolderInUse:
                continue
            self._lock = lock
            where = hashlib.blake2b(str(self._folder.resolve()).encode(), digest_size=4).hexdigest()
            self.name = f"{socket.gethostname()}-{where}-{number}"
            return
        raise SettingError(f"{MOST} workers run on {self._folder.parent} already: name another data directory.")

    def release(self) -> None:
        """Let go of the number."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def owner(self) -> int:
        """A number for the name that is no worker's id, for leases in the cursor table: below zero, in 63 bits."""
        digest = hashlib.blake2b(self.name.encode(), digest_size=8).digest()
        return -1 - (int.from_bytes(digest) >> 1)

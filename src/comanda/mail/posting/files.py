"""The files of the journals in a folder: names, locks and contents; the standard library only, for the guard's sake.

`ID.owner` is locked by the process, `ID.guard` by the process and its guard; the system unlocks them when they die.
`ID.owner` holds the boot of the machine in which the journal was written: nothing here is synced, so that of the
records of another boot the last ones may be missing.
`ID.N.log` are the records, in the order of N. The last one, `ID.guard.log`, is the guard's own: made at its full size
when the journal begins, so that the guard needs no room on a full disk.
"""

import fcntl
import os
from pathlib import Path

OWNER, GUARD = "owner", "guard"

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Another one each time that the machine starts (random(4))."""


def path(folder: Path, journal: str, what: str) -> Path:
    """Return the path of one of a journal's files."""
    return folder / f"{journal}.{what}"


def logs(folder: Path, journal: str) -> list[Path]:
    """Return the paths of a journal's records in the order in which they were written."""
    found = [each for each in folder.glob(f"{journal}.*.log") if each.name.split(".")[1].isdigit()]
    found.sort(key=lambda each: int(each.name.split(".")[1]))
    last = path(folder, journal, "guard.log")
    return [*found, last] if last.exists() else found


def locked(folder: Path, journal: str, what: str) -> bool:
    """Return whether a living process holds this lock of a journal."""
    try:
        handle = os.open(path(folder, journal, what), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def lock(folder: Path, journal: str, what: str) -> int:
    """Make and lock a file; return its handle, which holds the lock."""
    handle = os.open(path(folder, journal, what), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def mark_boot(owner: int) -> None:
    """Write into the owner's file, by its handle, that the journal is of this boot."""
    os.pwrite(owner, BOOT_ID.read_bytes(), 0)


def of_this_boot(folder: Path, journal: str) -> bool:
    """Return whether a journal was certainly written since the machine started, so that no record of it is missing."""
    try:
        return path(folder, journal, OWNER).read_bytes() == BOOT_ID.read_bytes()
    except FileNotFoundError:
        return False


def room(file: Path, size: int) -> int:
    """Make a file of `size` octets that the disk has set aside; return its handle.

    Raises:
        OSError: the disk has no room. The file is gone again.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError:
        os.close(handle)
        file.unlink(missing_ok=True)
        raise
    return handle


def remove(folder: Path, journal: str) -> None:
    """Remove all of a journal's files."""
    for each in [*logs(folder, journal), path(folder, journal, GUARD), path(folder, journal, OWNER)]:
        each.unlink(missing_ok=True)

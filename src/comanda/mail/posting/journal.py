"""The journal that a process writes of the mails that it posts: numbered files of a fixed size, the oldest removed."""

import contextlib
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import structlog

from comanda.mail.pipeline import Outcome, Outgoing
from comanda.mail.posting import files
from comanda.mail.posting.post import Key
from comanda.mail.posting.records import Begun, begun, heard, told
from comanda.mail.posting.words import written

log = structlog.get_logger(__name__)

SEGMENT = 16 * 1024 * 1024
"""Octets of one file."""

RESERVE = 512 * 1024
"""Octets at a file's end in which no mail is begun, so that what is heard of those in flight has room."""

GUARD_ROOM = 1024 * 1024
"""Octets set aside for the guard."""


class Journal:
    """One process's journal.

    Args:
        folder: exists.
        name: the journal's id.
        segment: octets of one file.
    """

    def __init__(self, folder: Path, name: str, *, segment: int = SEGMENT) -> None:
        self.folder, self.name, self._size = folder, name, segment
        self._reserve = min(RESERVE, segment // 4)
        self._locks: list[int] = []
        self._handle: int | None = None
        self._at = 0
        self._number = 0
        self._buffer = bytearray()
        # The keys that each file is kept for, oldest file first.
        self._kept: deque[tuple[int, set[Key]]] = deque()

    @property
    def guard_lock(self) -> int:
        """Handle of the lock that the guard shares."""
        return self._locks[1]

    def open(self) -> None:
        """Make the files and lock them. Raises `OSError` when the disk has no room."""
        self._locks = [files.lock(self.folder, self.name, each) for each in (files.OWNER, files.GUARD)]
        files.mark_boot(self._locks[0])
        os.close(files.room(files.path(self.folder, self.name, "guard.log"), GUARD_ROOM))
        self._roll()

    def close(self) -> None:
        """Unlock; the files go as well if nothing in them is needed any more."""
        if self._handle is not None:
            # On a full disk what could not be kept is lost either way; the locks must not stay.
            with contextlib.suppress(OSError):
                self.keep()
            os.close(self._handle)
            self._handle = None
        if self._locks and not any(keys for _, keys in self._kept):
            files.remove(self.folder, self.name)
        for lock in self._locks:
            os.close(lock)
        self._locks = []

    def begun(self, connection: int, mail: Outgoing[Key], answer_at: int, end_at: int) -> None:
        """Note that a mail is about to go out. Raises `OSError` when there is no room for it."""
        if self._at + len(self._buffer) > self._size - self._reserve:
            try:
                self.keep()
                self._roll()
            except OSError as error:
                log.error("posting journal has no room; no mail is begun", folder=str(self.folder), error=str(error))  # noqa: TRY400 - the disk, not the code
                raise
        self._kept[-1][1].add(mail.key)
        self._buffer += begun(connection, Begun(*mail.key, answer_at, end_at))

    def heard(self, connection: int, at: int, data: bytes) -> None:
        """Note what came in."""
        self._buffer += heard(connection, at, data)

    def told(self, key: Key, outcome: Outcome) -> None:
        """Note a fate that no answer to the mail's content stands for."""
        if self._at + len(self._buffer) > self._size - self._reserve:
            with contextlib.suppress(OSError):
                self.keep()
                self._roll()
        self._kept[-1][1].add(key)
        self._buffer += told(*key, written(outcome))

    def keep(self) -> None:
        """Hand all notes to the kernel, which keeps them when the process is killed."""
        if not self._buffer or self._handle is None:
            return
        if self._at + len(self._buffer) > self._size:
            self._roll()
        done = os.pwrite(self._handle, self._buffer, self._at)
        if done < len(self._buffer):
            raise OSError(f"{self.folder} took {done} of {len(self._buffer)} octets")
        self._at += done
        self._buffer.clear()

    def settled(self, keys: Iterable[Key]) -> None:
        """Let go of mails; remove the oldest files that are kept for none."""
        gone = set(keys)
        for _, kept in self._kept:
            kept.difference_update(gone)
        while len(self._kept) > 1 and not self._kept[0][1]:
            number, _ = self._kept.popleft()
            files.path(self.folder, self.name, f"{number}.log").unlink(missing_ok=True)

    def _roll(self) -> None:
        handle = files.room(files.path(self.folder, self.name, f"{self._number + 1}.log"), self._size)
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self._at = handle, 0
        self._number += 1
        self._kept.append((self._number, set()))


class ConnectionNotes:
    """The witness of one connection.

    Args:
        journal: where it writes.
        number: the connection's.
    """

    def __init__(self, journal: Journal, number: int) -> None:
        self._journal, self.number = journal, number

    def begun(self, mail: Outgoing[Key], answer_at: int, end_at: int) -> None:
        """Note that a mail is about to go out."""
        self._journal.begun(self.number, mail, answer_at, end_at)

    def heard(self, at: int, data: bytes) -> None:
        """Note what came in."""
        self._journal.heard(self.number, at, data)

    def keep(self) -> None:
        """Hand all notes to the kernel."""
        self._journal.keep()

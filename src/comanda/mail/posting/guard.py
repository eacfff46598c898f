"""The guard: a small process that outlives its worker and hears the answers that the worker did not live to hear.

It holds a duplicate of each connection of the worker's and does nothing with it while the worker lives. When the
worker has died (its end of the socket pair is closed), the guard waits for the answer to the mail that was in flight
on each, writes it into its own file of the journal, and ends. It needs the standard library only, and of that as
little as can be.
"""

import os
import select
import socket
import sys
import time
from pathlib import Path

from comanda.mail.pipeline.kernel import CLOSED, progress
from comanda.mail.posting import files
from comanda.mail.posting.records import BEGUN, HEARD, Begun, Incoming, closed, heard, read_begun, read_offset, records

HOLD, DROP, DONE = b"h", b"d", b"q"
"""What the worker says: hold the socket that comes along, under this number; let go of it; end."""

MOST_AT_ONCE = 65536


def main(pair: int, folder: str, journal: str, patience_s: float) -> None:
    """Guard until the worker says that it is done, or has died.

    Args:
        pair: handle of our end of the socket pair.
        folder: where the records are.
        journal: whose records.
        patience_s: the longest wait for answers.
    """
    held: dict[int, socket.socket] = {}
    channel = socket.socket(fileno=pair)
    while True:
        message, handles, _, _ = socket.recv_fds(channel, 64, 1)
        number = int(message[1:] or b"0")
        if not message:
            break
        if message[:1] == DONE:
            return
        if message[:1] == HOLD and handles:
            held[number] = socket.socket(fileno=handles[0])
        elif number in held:
            held.pop(number).close()
    hearing = _Hearing(held, Path(folder), journal)
    hearing.begin()
    hearing.bring_in(patience_s)


class _Hearing:
    """What is still to be heard of the connections of a dead worker."""

    def __init__(self, held: dict[int, socket.socket], folder: Path, journal: str) -> None:
        self._held = held
        self._last: dict[int, Begun] = {}
        self._incoming = {number: Incoming() for number in held}
        self._at: dict[int, int] = {}
        self._waiting: dict[int, int] = {}
        self._poll = select.poll()
        for file in files.logs(folder, journal):
            for kind, number, body in records(file.read_bytes()):
                self._read_record(kind, number, body)
        self._out = os.open(files.path(folder, journal, "guard.log"), os.O_RDWR | os.O_CLOEXEC)
        self._written = 0

    def begin(self) -> None:
        """Find out which answers are missing and may still come."""
        for number, connection in self._held.items():
            mail = self._last.get(number)
            if mail is None or self._answered(number):
                continue
            how_far = progress(connection)
            if mail.end_at > how_far.handed:
                # Its end never left this machine, and what is missing will never follow.
                self._write(closed(number, how_far.handed))
                continue
            # The worker wrote down each chunk before it took it, so that what is unread begins at or before our end.
            self._at[number] = min(how_far.received - how_far.unread, self._incoming[number].end)
            if how_far.state == CLOSED and not how_far.unread:
                continue
            connection.setblocking(False)
            self._waiting[connection.fileno()] = number
            self._poll.register(connection, select.POLLIN)

    def bring_in(self, patience_s: float) -> None:
        """Wait for the answers, and write them down."""
        end = time.monotonic() + patience_s  # noqa: TID251 - this process has nothing of Comanda's but its records
        while self._waiting and (left := end - time.monotonic()) > 0:  # noqa: TID251 - as above
            for handle, _ in self._poll.poll(left * 1000):
                if self._heard_all(self._waiting[handle]):
                    self._poll.unregister(handle)
                    del self._waiting[handle]

    def _read_record(self, kind: int, number: int, body: bytes) -> None:
        if number not in self._held:
            return
        if kind == BEGUN:
            self._last[number] = read_begun(body)
            self._incoming[number].forget_before(self._last[number].answer_at)
        elif kind == HEARD:
            self._incoming[number].add(*read_offset(body))

    def _heard_all(self, number: int) -> bool:
        """Take what came in; return whether nothing more need be waited for."""
        data = _read(self._held[number])
        if data is None:
            return False
        if not data:
            how_far = progress(self._held[number])
            self._write(closed(number, how_far.acknowledged if how_far.finished else how_far.handed))
            return True
        self._write(heard(number, self._at[number], data))
        self._incoming[number].add(self._at[number], data)
        self._at[number] += len(data)
        return self._answered(number)

    def _answered(self, number: int) -> bool:
        return self._incoming[number].reply(self._last[number].answer_at) is not None

    def _write(self, record: bytes) -> None:
        self._written += os.pwrite(self._out, record, self._written)


def _read(connection: socket.socket) -> bytes | None:
    """Return what came in, nothing at the connection's end, None when there was nothing after all."""
    try:
        return connection.recv(MOST_AT_ONCE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


BOOT = """
import sys, types
for name, folders in (("comanda", []), ("comanda.mail", []), ("comanda.mail.pipeline", [sys.argv[1] + "/pipeline"]),
                      ("comanda.mail.posting", [sys.argv[1] + "/posting"])):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = folders
from comanda.mail.posting.guard import main
main(int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5]))
"""
"""The guard's program: the packages are hollow, so that nothing is loaded but the three files that it needs."""

COMMAND = (sys.executable, "-I", "-S", "-c", BOOT, str(Path(__file__).parent.parent))
"""To be followed by the arguments of `main`."""

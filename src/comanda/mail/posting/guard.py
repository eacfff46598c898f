"""The guard: a small process that outlives its worker and hears the answers that the worker did not live to hear.

It holds a duplicate of each connection of the worker's and does nothing with it while the worker lives. When the worker
has died (its end of the socket pair is closed), the guard waits for the answer to the mail that was in flight on each,
writes it into its own file of the journal, and ends. It needs the standard library only, and of that as little as can be.
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
        folder, journal: where the records are.
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
    _bring_in(held, Path(folder), journal, patience_s)


def _bring_in(held: dict[int, socket.socket], folder: Path, journal: str, patience_s: float) -> None:
    """Wait for the answers that are missing, and write them down."""
    last: dict[int, Begun] = {}
    incoming = {number: Incoming() for number in held}
    for file in files.logs(folder, journal):
        for kind, connection, body in records(file.read_bytes()):
            if kind == BEGUN and connection in held:
                last[connection] = read_begun(body)
                incoming[connection].forget_before(last[connection].answer_at)
            elif kind == HEARD and connection in held:
                incoming[connection].add(*read_offset(body))
    out = os.open(files.path(folder, journal, "guard.log"), os.O_RDWR | os.O_CLOEXEC)
    written = 0
    end = time.monotonic() + patience_s  # noqa: TID251 - this process has nothing of Comanda's but its records
    poll = select.poll()
    waiting: dict[int, int] = {}
    at: dict[int, int] = {}
    for number, connection in held.items():
        mail = last.get(number)
        how_far = progress(connection)
        if mail is None or incoming[number].reply(mail.answer_at) is not None:
            continue
        if mail.end_at > how_far.handed:
            # Its end never left this machine, and what is missing will never follow.
            written += os.pwrite(out, closed(number, how_far.handed), written)
            continue
        # The worker wrote down each chunk before it took it, so that what is unread begins at or before our end.
        at[number] = min(how_far.received - how_far.unread, incoming[number].end)
        if how_far.state == CLOSED and not how_far.unread:
            continue
        connection.setblocking(False)
        waiting[connection.fileno()] = number
        poll.register(connection, select.POLLIN)
    while waiting and (left := end - time.monotonic()) > 0:  # noqa: TID251 - as above
        for handle, _ in poll.poll(left * 1000):
            number = waiting[handle]
            data = _read(held[number])
            if data:
                written += os.pwrite(out, heard(number, at[number], data), written)
                incoming[number].add(at[number], data)
                at[number] += len(data)
            elif data is not None:
                how_far = progress(held[number])
                most = how_far.acknowledged if how_far.finished else how_far.handed
                written += os.pwrite(out, closed(number, most), written)
            if data == b"" or incoming[number].reply(last[number].answer_at) is not None:
                poll.unregister(handle)
                del waiting[handle]


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

"""The nursery's own process: it has loaded the whole program once, and makes every child by a fork.

Loading takes a second of processor time for each process that does it; a fork takes a millisecond and shares the
memory. The nursery runs no event loop, no thread and no connection, so that a fork copies nothing that is under way.
Its orders come as lines of JSON on a socket; when that ends, the supervisor has ended, and children and nursery follow.
"""

import gc
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from setproctitle import getproctitle, setproctitle

LINE_MAX = 1 << 20
OUTPUT_MAX = 65536
"""What a captured child may write: the size of a pipe's buffer, read when the child has ended."""

GRACE_S = 15.0
"""How long children whose supervisor is gone may take to end in order."""


class Order(msgspec.Struct, frozen=True):
    """From the supervisor: start the child `id`, or send it a signal.

    Attributes:
        signal: its number; 0 is the order to start.
        arguments: of the command.
        environ: the child's whole environment.
        capture: whether what it writes to its standard output comes back with its end.
    """

    id: int
    signal: int = 0
    name: str = ""
    arguments: tuple[str, ...] = ()
    environ: dict[str, str] = {}
    capture: bool = False


class Report(msgspec.Struct, frozen=True):
    """To the supervisor: the child `id` has started (`status` is None) or ended."""

    id: int
    pid: int
    status: int | None = None
    output: str = ""


class _Child(NamedTuple):
    id: int
    pid: int
    output: int | None


def run_nursery(control: socket.socket) -> Order | None:
    """Take orders until the supervisor is gone; return None then.

    Returns a second time in each child, with the order that made it: the caller runs its command.
    """
    # It looks for the title's place among the arguments and the environment, before either changes.
    getproctitle()
    gc.collect()
    gc.freeze()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leash, held = os.pipe()
    nursery = _Nursery(control, leash=leash, ours=(woken, wake, held))
    for order in nursery.orders(woken):
        if order.signal:
            nursery.send_signal(order)
        elif nursery.fork(order):
            return order
    nursery.end_all()
    return None


class _Nursery:
    """What the nursery holds: its children, and the ends of the pipes that a child must not keep."""

    def __init__(self, control: socket.socket, *, leash: int, ours: tuple[int, ...]) -> None:
        self._control = control
        self._leash = leash
        self._ours = ours
        self._children: dict[int, _Child] = {}

    def orders(self, woken: int) -> Iterator[Order]:
        """Yield what the supervisor orders, and report ends meanwhile, until the supervisor is gone."""
        decoder = msgspec.json.Decoder(Order)
        rest = b""
        while True:
            ready, _, _ = select.select([self._control.fileno(), woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
            self.reap()
            if self._control.fileno() not in ready:
                continue
            received = self._control.recv(LINE_MAX)
            if not received:
                return
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                yield decoder.decode(line)

    def fork(self, order: Order) -> bool:
        """Make a child; return whether this is it."""
        output = os.pipe() if order.capture else None
        pid = os.fork()
        if pid == 0:
            self._become(order, output)
            return True
        if output is not None:
            os.close(output[1])
        self._children[order.id] = _Child(order.id, pid, output[0] if output else None)
        self._report(Report(order.id, pid))
        return False

    def send_signal(self, order: Order) -> None:
        """Send a child a signal; nothing happens when it has ended already."""
        child = self._children.get(order.id)
        if child is not None:
            os.kill(child.pid, order.signal)

    def reap(self) -> None:
        """Report the children that have ended."""
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            del self._children[child.id]
            output = b""
            if child.output is not None:
                output = os.read(child.output, OUTPUT_MAX)
                os.close(child.output)
            self._report(Report(child.id, pid, os.waitstatus_to_exitcode(status), output.decode(errors="replace")))

    def end_all(self) -> None:
        """End all children in order, and those that take too long at once."""
        for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
            for child in self._children.values():
                os.kill(child.pid, number)
            deadline = time.monotonic() + patience_s  # noqa: TID251 - no event loop, no clock is handed in here
            while self._children and time.monotonic() < deadline:  # noqa: TID251 - as above
                select.select([], [], [], 0.02)
                self.reap()

    def _become(self, order: Order, output: tuple[int, int] | None) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        self._control.close()
        for descriptor in self._ours:
            os.close(descriptor)
        for child in self._children.values():
            if child.output is not None:
                os.close(child.output)
        # The nursery holds the other end: it ends when the nursery does, and so does the child (see `leash`).
        os.dup2(self._leash, 0)
        os.close(self._leash)
        if output is not None:
            os.dup2(output[1], 1)
            os.close(output[0])
            os.close(output[1])
        os.environ.clear()
        os.environ.update(order.environ)
        setproctitle(f"comanda {order.name}")

    def _report(self, report: Report) -> None:
        try:
            self._control.sendall(msgspec.json.encode(report) + b"\n")
        except OSError:
            # The supervisor is gone; the next read tells.
            return

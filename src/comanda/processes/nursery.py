"""The nursery, as the supervisor sees it: it makes children, and tells when they end."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from comanda.engine.errors import Unavailable
from comanda.processes import leash
from comanda.processes.nursery_loop import Order, Report

log = structlog.get_logger(__name__)

STOP_S = 20.0
LINE_MAX = 1 << 20


class Ended(NamedTuple):
    """How a child ended: its exit status (negative is a signal's number), and what was captured of it."""

    status: int
    output: str


class Nursling:
    """A child: its process id, and its end."""

    def __init__(self, nursery: "Nursery", number: int) -> None:
        self._nursery = nursery
        self._number = number
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self.started.result() if self.started.done() and not self.ended.done() else None

    async def wait(self) -> Ended:
        """Return how it ended, once it has. May be called by several."""
        return await asyncio.shield(self.ended)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        self._nursery.order(Order(self._number, signal=number))


class Nursery:
    """Starts the nursery's process, and again when it dies; its children die with it. A `Service`.

    Args:
        output: a file's descriptor, to which it and its children write what they have to say; None for our own.
    """

    def __init__(self, output: int | None = None) -> None:
        self._output = output
        self._turn = asyncio.Lock()
        self._stopped = False
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._children: dict[int, Nursling] = {}
        self._last = 0

    async def start(self) -> None:
        """Start the process; it loads the program, which takes a second or two, and takes orders meanwhile."""
        async with self._turn:
            await self._launch()

    async def stop(self) -> None:
        """End the process, and with it the children that are left."""
        self._stopped = True
        async with self._turn:
            if self._writer is not None:
                self._writer.close()
            process = self._process
            if process is not None:
                if not self._children:
                    # It may still be loading, and need not finish that.
                    with contextlib.suppress(ProcessLookupError):
                        process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), STOP_S)
                except TimeoutError:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
            if self._reading is not None:
                await self._reading
            self._process = self._writer = self._reading = None

    async def spawn(
        self, name: str, arguments: Sequence[str], settings: Mapping[str, str], *, capture: bool = False
    ) -> Nursling:
        """Start a child with the command `arguments` and `settings` in its environment; return once it runs.

        Raises `Unavailable` when the program cannot be loaded, or after `stop`.
        """
        async with self._turn:
            await self._launch()
            self._last += 1
            child = self._children[self._last] = Nursling(self, self._last)
            environ = {**os.environ, **settings, leash.MARK: name}
            self.order(
                Order(self._last, name=name, arguments=tuple(arguments), environ=environ, capture=capture),
            )
        await asyncio.shield(child.started)
        return child

    def order(self, order: Order) -> None:
        """Send an order."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(order) + b"\n")

    async def _launch(self) -> None:
        if self._stopped:
            raise Unavailable("The nursery was stopped.")
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "comanda",
                "nursery",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=[theirs.fileno()],
                # Of its own session: Ctrl-C on the terminal reaches the supervisor alone, which ends all in order.
                start_new_session=True,
            )
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_MAX)
        self._reading = asyncio.create_task(self._read(reader, self._process), name="nursery")

    async def _read(self, reader: asyncio.StreamReader, process: asyncio.subprocess.Process) -> None:
        decoder = msgspec.json.Decoder(Report)
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self._take(decoder.decode(line))
        status = await process.wait()
        if not self._stopped:
            log.warning("nursery died", status=status)
        if self._writer is not None:
            self._writer.close()
        self._process = self._writer = None
        children, self._children = self._children, {}
        for child in children.values():
            if not child.started.done():
                child.started.set_exception(Unavailable("The program cannot be loaded: see above."))
            else:
                child.ended.set_result(Ended(-signal.SIGKILL, ""))

    def _take(self, report: Report) -> None:
        child = self._children[report.id]
        if report.status is None:
            child.started.set_result(report.pid)
        else:
            del self._children[report.id]
            child.ended.set_result(Ended(report.status, report.output))

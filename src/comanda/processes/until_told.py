"""Running until the operator, or the supervisor, says that it is enough."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence

from comanda.engine.service import Service, running

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, an order to end, and the terminal's end. A shell lets its background jobs ignore the first; we hear it there
too. The last stays ignored where it was from the beginning (`nohup`).
"""


@contextlib.contextmanager
def end_signals(told: asyncio.Event) -> Iterator[None]:
    """Let `SIGNALS` set the event; the second of them ends the process as it always would."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        told.set()
        for number in heard:
            loop.remove_signal_handler(number)

    outlives_terminal = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    heard = [number for number in SIGNALS if number != signal.SIGHUP or not outlives_terminal]
    for number in heard:
        loop.add_signal_handler(number, tell)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


async def run_until_told(services: Sequence[Service]) -> None:
    """Start the services, wait for one of `SIGNALS`, stop them in the reverse order."""
    told = asyncio.Event()
    with end_signals(told):
        async with running(services):
            await told.wait()

"""Running until the operator, or the supervisor, says that it is enough."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence

from comanda.engine.service import Service, running

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def end_signals(told: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set the event; the second of them ends the process as it always would."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        told.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, tell)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def run_until_told(services: Sequence[Service]) -> None:
    """Start the services, wait for SIGINT or SIGTERM, stop them in the reverse order."""
    told = asyncio.Event()
    with end_signals(told):
        async with running(services):
            await told.wait()

"""`comanda up`."""

import asyncio
import sys
from typing import Annotated

import typer

from comanda.cli.command import Data, begin, command
from comanda.engine.clock import SystemClock
from comanda.processes import whereabouts
from comanda.processes.announcement import announcement
from comanda.processes.supervisor import Supervisor
from comanda.settings import Settings


def up(
    data: Data = None,
    port: Annotated[
        int | None, typer.Option(help="Where the web listens; 0 is any free port. [COMANDA_PORT, 8000]")
    ] = None,
    *,
    demo: Annotated[bool, typer.Option(help="Fill an empty database with the demo restaurant.")] = True,
) -> None:
    """Start everything on this machine and print the addresses; Ctrl-C stops all of it.

    Database, web, workers, sandbox provider and mailbox run under one supervisor, which starts again what dies.
    The next start on the same data directory finds its data again.

    Example: comanda up --data .data --port 8000
    """
    clock = SystemClock()
    begun = clock.monotonic()
    settings = begin("supervisor", data=data, port=port)

    def announce(running: Settings, prepared: bytes) -> None:
        whereabouts.tell(running)
        sys.stdout.write(announcement(running, prepared, seconds=clock.monotonic() - begun))
        sys.stdout.flush()

    async def run() -> None:
        await Supervisor(settings, demo=demo, clock=clock, announce=announce).run()

    asyncio.run(run())


app = command(up)

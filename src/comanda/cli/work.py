"""`comanda work`."""

from typing import Annotated

import typer
import uvloop

from comanda.app import build_worker
from comanda.cli.command import Data, begin, command
from comanda.engine.service import Service
from comanda.processes.database_home import with_database
from comanda.processes.health_port import HealthPort
from comanda.processes.until_told import run_until_told
from comanda.settings import Settings


def work(
    data: Data = None,
    lanes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these lanes, by name or by context. [all]")
    ] = None,
    health_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Answer /livez and /readyz here, on COMANDA_HOST. [nowhere]")
    ] = None,
) -> None:
    """Run one worker: it shares the lanes with all other workers, and hands its part over when it ends.

    Example: comanda work --lanes payments,receipts.send
    """
    chosen = [lane.strip() for lane in lanes.split(",") if lane.strip()] if lanes is not None else None
    uvloop.run(_work(begin("worker", data=data), chosen, health_port))


async def _work(settings: Settings, lanes: list[str] | None, health_port: int | None) -> None:
    async with with_database(settings) as found:
        worker = build_worker(found, lanes)
        services: list[Service] = [worker]
        if health_port is not None:
            services.append(HealthPort(found.host, health_port, lambda: worker.ready))
        await run_until_told(services)


app = command(work)

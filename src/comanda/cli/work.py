"""`comanda work`."""

from typing import Annotated

import typer
import uvloop

from comanda.app import build_worker
from comanda.cli.command import Data, begin, command
from comanda.processes.database_home import with_database
from comanda.processes.until_told import run_until_told
from comanda.settings import Settings


def work(
    data: Data = None,
    lanes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these lanes, by name or by context. [all]")
    ] = None,
) -> None:
    """Run one worker: it shares the lanes with all other workers, and hands its part over when it ends.

    Example: comanda work --lanes payments,receipts.send
    """
    chosen = [lane.strip() for lane in lanes.split(",") if lane.strip()] if lanes is not None else None
    uvloop.run(_work(begin("worker", data=data), chosen))


async def _work(settings: Settings, lanes: list[str] | None) -> None:
    async with with_database(settings) as found:
        await run_until_told([build_worker(found, lanes)])


app = command(work)

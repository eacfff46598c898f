"""`comanda audit`."""

import asyncio
import sys
from datetime import timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from comanda.audit import Report
from comanda.audit import audit as run_audit
from comanda.audit.table import show
from comanda.cli.command import Data, begin, command
from comanda.environment import duration
from comanda.house import build_house
from comanda.processes.database_home import with_database
from comanda.processes.whereabouts import beside
from comanda.settings import Settings


def audit(
    data: Data = None,
    *,
    age: Annotated[
        str, typer.Option(help="What is younger may still be on its way: 0s after all is drained, 5m on a busy house.")
    ] = "5m",
    json: Annotated[bool, typer.Option("--json", help="Tell what was found as JSON.")] = False,
) -> None:
    """Check over the whole database and the provider's ledger that each intent took effect once.

    Exits with 0 when all invariants hold, and with 1 and a list of what is wrong when not. It changes nothing and can
    run beside everything else.

    Example: comanda audit --data .data --age 0s
    """
    settings = begin("audit", data=data)
    report = asyncio.run(_audit(settings, duration(age, told_as="--age"), quiet=json))
    if json:
        sys.stdout.write(msgspec.json.encode({"clean": report.clean, **msgspec.structs.asdict(report)}).decode() + "\n")
    else:
        show(report, Console())
    raise typer.Exit(0 if report.clean else 1)


async def _audit(settings: Settings, age: timedelta, *, quiet: bool) -> Report:
    console = Console(stderr=True)
    async with with_database(beside(settings)) as found:
        house = build_house(found, role="audit", connections=2)
        async with house.opened():
            with console.status("Reading the provider's ledger") as status:
                if quiet or not console.is_terminal:
                    status.stop()
                return await run_audit(house, age=age, checking=lambda name: status.update(f"Checking: {name}"))


app = command(audit)

"""`comanda seed`."""

import asyncio
import sys
from typing import Annotated

import msgspec
import typer

from comanda.cli.command import Data, begin, command
from comanda.migrations import migrate
from comanda.prepared import Prepared
from comanda.processes.announcement import told
from comanda.processes.database_home import with_database
from comanda.seeding import seed as fill
from comanda.settings import Settings


def seed(
    data: Data = None,
    *,
    demo: Annotated[bool, typer.Option(help="Make the demo restaurant where there is no restaurant.")] = True,
    first_account: Annotated[bool, typer.Option(help="Make an owner's account where there is none.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Tell what was made as JSON.")] = False,
) -> None:
    """Migrate the database, and fill an empty one with the demo restaurant and a first account.

    The account's password is printed this once. Where there is something already, nothing is changed.

    Example: comanda seed --data .data
    """
    prepared = asyncio.run(_seed(begin("seed", data=data), demo=demo, first_account=first_account))
    sys.stdout.write(msgspec.json.encode(prepared).decode() if json else told(prepared))
    sys.stdout.write("\n")


async def _seed(settings: Settings, *, demo: bool, first_account: bool) -> Prepared:
    async with with_database(settings) as found:
        await migrate(found.database_url)
        return await fill(found, demo=demo, first_account=first_account)


app = command(seed)

"""`comanda replay`."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from comanda.cli.command import Data, begin, command
from comanda.engine.clock import SystemClock
from comanda.engine.database.embedded import running_url
from comanda.engine.ids import RandomIds
from comanda.house import build_house
from comanda.processes.database_home import EMBEDDED
from comanda.processes.whereabouts import beside
from comanda.replay.client import Client
from comanda.replay.door import found_restaurant, sign_in
from comanda.replay.errors import ReplayError
from comanda.replay.file import read_orders
from comanda.replay.replay import replay as run_replay
from comanda.replay.report import Report
from comanda.replay.table import show
from comanda.settings import Settings

PASSWORD = "COMANDA_REPLAY_PASSWORD"  # noqa: S105 - the variable's name

SEEDS = 1_000_000

Clicks = Annotated[int, typer.Option(min=1, max=100, help="Clicks at the same time for each order.")]
Concurrency = Annotated[int, typer.Option(min=1, max=1000, help="Orders at the same time.")]


class Account(msgspec.Struct, frozen=True):
    """Whose restaurant takes the orders, where the database is out of reach."""

    restaurant: str
    email: str
    password: str


def replay(
    file: Annotated[Path, typer.Argument(help="Tab-separated orders, with a header.")],
    *,
    url: Annotated[str | None, typer.Option(help="Where the web listens. [that of the data directory]")] = None,
    clicks: Clicks = 4,
    concurrency: Concurrency = 32,
    seed: Annotated[int | None, typer.Option(help="Makes the guests; the same seed, the same guests. [any]")] = None,
    data: Data = None,
    restaurant: Annotated[str | None, typer.Option(help="With --email: the account's restaurant.")] = None,
    email: Annotated[str | None, typer.Option(help="An owner's account, when there is no data directory.")] = None,
    password: Annotated[str, typer.Option(envvar=PASSWORD, help="Of --email.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Place the orders of a file with many clicks each, and check that each was made once and costs what it should.

    The orders go over HTTP to a running `comanda up`: for each order that many clicks at once, a connection that is cut
    and the retry after it, and a reload. They are placed at a restaurant of the replay's own, which is founded in the
    database of the data directory, and whose menu is derived from the file. To replay at a server elsewhere, name an
    owner's account and its restaurant: its menu is replaced by the file's.

    Exits with 0 when all is as it must be, and with 1 when not.

    Example: comanda replay orders.tsv --url http://127.0.0.1:8000 --clicks 4 --concurrency 32
    """
    # It is this command's alone; among the settings it would be taken for a misspelt one.
    os.environ.pop(PASSWORD, None)
    settings = beside(begin("replay", data=data))
    account = Account(restaurant or "", email, password) if email is not None else None
    if account is not None and not (account.restaurant and account.password):
        raise ReplayError(f"With --email, name its --restaurant, and its password in {PASSWORD}.")
    report = uvloop.run(
        _replay(file, settings, account, url=url, clicks=clicks, concurrency=concurrency, seed=seed, quiet=json)
    )
    if json:
        sys.stdout.write(msgspec.json.encode({"good": report.good, **msgspec.structs.asdict(report)}).decode() + "\n")
    else:
        show(report, Console())
    raise typer.Exit(0 if report.good else 1)


async def _replay(
    file: Path,
    settings: Settings,
    account: Account | None,
    *,
    url: str | None,
    clicks: int,
    concurrency: int,
    seed: int | None,
    quiet: bool,
) -> Report:
    orders = read_orders(file)
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        # Each order has its clicks under way, and no connection waits for another order's.
        connections = concurrency * clicks
        client = await stack.enter_async_context(Client(url or settings.address, connections=connections, clock=clock))
        await client.call("GET", "/readyz")
        database = None
        if account is not None:
            door = await sign_in(client, account.restaurant, email=account.email, password=account.password)
        else:
            house = build_house(_with_database(settings), role="replay", connections=2)
            await stack.enter_async_context(house.opened())
            door = await found_restaurant(house, f"Replay of {file.name}")
            database = house.database
        progress = stack.enter_context(_progress(quiet=quiet))
        task = progress.add_task("orders", total=len(orders))
        return await run_replay(
            file,
            orders,
            client,
            door,
            clock=clock,
            founded_in=database,
            seed=RandomIds().new().int % SEEDS if seed is None else seed,
            clicks=clicks,
            concurrency=concurrency,
            placed=lambda _: progress.advance(task),
        )


def _with_database(settings: Settings) -> Settings:
    """Return the settings with the URL of a database that runs. Raises `ReplayError`."""
    if not settings.database_url.startswith(EMBEDDED):
        return settings
    url = running_url(settings.data)
    if url is None:
        raise ReplayError(
            f"No `comanda up` runs on the data directory {settings.data}: name the right one with --data, or an "
            "account with --email and --restaurant."
        )
    return msgspec.structs.replace(settings, database_url=url)


def _progress(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )


app = command(replay)

"""`comanda lanes`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.live import Live

from comanda.cli.command import Data, begin, doer
from comanda.engine.errors import SettingError
from comanda.engine.lanes import Consumer
from comanda.engine.lanes.steering import pause, resume, set_shards
from comanda.engine.monitoring import overview
from comanda.house import House, build_house
from comanda.operations.terminal import lane_line, lanes_table
from comanda.processes.database_home import with_database
from comanda.processes.whereabouts import beside
from comanda.settings import Settings

EVERY_S = 2.0
"""Time between two looks with `--watch`."""

Name = Annotated[str, typer.Argument(metavar="LANE", help="The lane's name, such as receipts.send.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def lanes(
    context: typer.Context,
    data: Data = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Tell all that is known as JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
) -> None:
    """Show the lanes: backlog, rates, errors, parked events, workers, the last hour. Or steer one.

    Exits with 0. It changes nothing and can run beside everything else; `pause`, `resume` and `shards` do, at once, in
    all workers.

    Example: comanda lanes --watch

    Example: comanda lanes pause receipts.send
    """
    if context.invoked_subcommand is None:
        asyncio.run(_show(begin("lanes", data=data), as_json=json, watch=watch))


@app.command("pause")
def pause_lane(lane: Name, data: Data = None) -> None:
    """Let no worker begin anything new in a lane; what is under way is finished.

    Example: comanda lanes pause receipts.send
    """
    _steer(data, lane, lambda house, consumer: pause(house.database, consumer, who=doer()))


@app.command("resume")
def resume_lane(lane: Name, data: Data = None) -> None:
    """Let a paused lane go on where it stopped.

    Example: comanda lanes resume receipts.send
    """
    _steer(data, lane, lambda house, consumer: resume(house.database, consumer, who=doer()))


@app.command("shards")
def cut_lane(
    lane: Name, number: Annotated[int, typer.Argument(metavar="N", help="1, 2, 4, 8 or 16.")], data: Data = None
) -> None:
    """Cut a lane into so many shards: the most workers that can be at it at one time. Nothing is lost or done twice.

    Example: comanda lanes shards payments.charge 4
    """
    _steer(data, lane, lambda house, consumer: set_shards(house.database, consumer, number, who=doer()))


def _steer(data: Data, lane: str, act: Callable[[House, Consumer], Awaitable[None]]) -> None:
    async def run(settings: Settings) -> None:
        async with opened(settings, "lanes") as house:
            consumer = lane_of(house, lane)
            await act(house, consumer)
            seen = (await overview(house.database, [consumer])).lanes[0]
            sys.stdout.write(f"{lane_line(seen)}\n")

    asyncio.run(run(begin("lanes", data=data)))


async def _show(settings: Settings, *, as_json: bool, watch: bool) -> None:
    async with opened(settings, "lanes") as house:
        seen = await overview(house.database, house.consumers)
        if as_json:
            sys.stdout.write(f"{msgspec.json.encode(seen).decode()}\n")
            return
        console = Console()
        if not watch:
            console.print(lanes_table(seen))
            return
        with Live(lanes_table(seen), console=console, auto_refresh=False) as live:
            while True:
                await house.clock.sleep(EVERY_S)
                live.update(lanes_table(await overview(house.database, house.consumers)), refresh=True)


@asynccontextmanager
async def opened(settings: Settings, role: str) -> AsyncIterator[House]:
    """Open the house that the settings describe, or the one that runs on their data directory."""
    async with with_database(beside(settings)) as found:
        house = build_house(found, role=role, connections=2)
        async with house.opened():
            yield house


def lane_of(house: House, name: str) -> Consumer:
    """Return the consumer of a lane; raises `SettingError`, which names all, where there is none."""
    for consumer in house.consumers:
        if consumer.name == name:
            return consumer
    known = ", ".join(sorted(consumer.name for consumer in house.consumers))
    raise SettingError(f"There is no lane {name!r}; there are {known}.")

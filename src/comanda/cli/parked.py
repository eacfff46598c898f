"""`comanda parked`."""

import asyncio
import sys
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from typer.core import TyperGroup

from comanda.cli.command import Data, begin, doer
from comanda.cli.lanes import lane_of, opened
from comanda.engine.errors import SettingError
from comanda.engine.lanes.parked_desk import ParkedDesk, ParkedEvent, ParkedFilter, State
from comanda.environment import duration
from comanda.house import House
from comanda.operations.terminal import parked_table
from comanda.settings import Settings

LIST = "list"
HELP = ("--help",)


class _ListsByDefault(TyperGroup):
    """Takes `comanda parked receipts.send` for `comanda parked list receipts.send`."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put the command in that was left out."""
        if not args or (args[0] not in self.commands and args[0] not in HELP):
            args = [LIST, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_ListsByDefault, add_completion=False, rich_markup_mode=None)

Lane = Annotated[str | None, typer.Argument(metavar="[LANE]", help="The lane's name. [all lanes]")]
Dead = Annotated[bool, typer.Option("--dead", help="Only dead letters.")]
Waiting = Annotated[bool, typer.Option("--waiting", help="Only those that are tried again by themselves.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only events of this name.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Only events of this key.")]
Error = Annotated[str | None, typer.Option("--error", metavar="TEXT", help="Only those whose error contains this.")]
Older = Annotated[str | None, typer.Option("--older", metavar="TIME", help="Only those parked as long: 10m, 2h, 3d.")]
Ids = Annotated[list[int] | None, typer.Option("--id", metavar="N", help="This event; may be given more than once.")]
All = Annotated[bool, typer.Option("--all", help="Everything that is parked there: needed where nothing else is said.")]


@app.callback()
def parked() -> None:
    """Show parked events and dead letters, with error and tries; have them tried again, or drop them.

    One by its id, or all that fit what is said of them. `comanda parked list --help` tells what can be said.

    Example: comanda parked receipts.send --dead --error "mailbox full"

    Example: comanda parked redrive receipts.send --key 018f2b6e-7d1c-7c5e-9d3a-6f1f6f0a2b11

    Example: comanda parked drop payments.charge --id 4711 --yes
    """


@app.command(LIST)
def list_parked(
    lane: Lane = None,
    data: Data = None,
    *,
    dead: Dead = False,
    waiting: Waiting = False,
    name: Name = None,
    key: Key = None,
    error: Error = None,
    older: Older = None,
    ids: Ids = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many of each lane.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="Tell them as JSON, with their payloads.")] = False,
) -> None:
    """Show what is parked. This is what `comanda parked` does by itself.

    Example: comanda parked --dead
    """
    said = _said(dead=dead, waiting=waiting, name=name, key=key, error=error, older=older, ids=ids)
    asyncio.run(_list(begin("parked", data=data), lane, said, limit=limit, as_json=json))


@app.command("redrive")
def redrive_parked(
    lane: Lane = None,
    data: Data = None,
    *,
    dead: Dead = False,
    waiting: Waiting = False,
    name: Name = None,
    key: Key = None,
    error: Error = None,
    older: Older = None,
    ids: Ids = None,
    everything: All = False,
) -> None:
    """Have parked events tried again at once, with all their tries before them.

    Example: comanda parked redrive receipts.send --error "connection refused"
    """
    said = _said(dead=dead, waiting=waiting, name=name, key=key, error=error, older=older, ids=ids)
    _check(said, everything=everything)
    asyncio.run(_redrive(begin("parked", data=data), lane, said))


@app.command("drop")
def drop_parked(
    lane: Lane = None,
    data: Data = None,
    *,
    dead: Dead = False,
    waiting: Waiting = False,
    name: Name = None,
    key: Key = None,
    error: Error = None,
    older: Older = None,
    ids: Ids = None,
    everything: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let parked events go: they are never handled, and no longer hold back their keys. Asks first.

    Example: comanda parked drop receipts.send --dead --older 30d
    """
    said = _said(dead=dead, waiting=waiting, name=name, key=key, error=error, older=older, ids=ids)
    _check(said, everything=everything)
    asyncio.run(_drop(begin("parked", data=data), lane, said, yes=yes))


def _said(
    *,
    dead: bool,
    waiting: bool,
    name: str | None,
    key: str | None,
    error: str | None,
    older: str | None,
    ids: list[int] | None,
) -> ParkedFilter:
    """Return what was said as a filter of no lane yet."""
    if dead and waiting:
        raise SettingError("Say --dead or --waiting, or neither for both.")
    state: State | None = "dead" if dead else "waiting" if waiting else None
    return ParkedFilter(
        lane="",
        state=state,
        name=name,
        key=key,
        error=error,
        older_than_s=None if older is None else duration(older, told_as="--older").total_seconds(),
        ids=tuple(ids) if ids else None,
    )


def _check(said: ParkedFilter, *, everything: bool) -> None:
    if said.wide and not everything:
        raise SettingError("Say which events are meant (--dead, --error, --id, …), or --all.")


def _filters(house: House, lane: str | None, said: ParkedFilter) -> list[ParkedFilter]:
    """Return the filter for the lane that was named, or for each."""
    names = [lane_of(house, lane).name] if lane else [consumer.name for consumer in house.consumers]
    return [msgspec.structs.replace(said, lane=name) for name in names]


async def _list(settings: Settings, lane: str | None, said: ParkedFilter, *, limit: int, as_json: bool) -> None:
    async with opened(settings, "parked") as house:
        desk = ParkedDesk(house.database, lease_s=house.settings.lease.total_seconds())
        found: list[ParkedEvent] = []
        for chosen in _filters(house, lane, said):
            found += await desk.look(chosen, limit=limit)
        if as_json:
            sys.stdout.write(f"{msgspec.json.encode(found).decode()}\n")
        elif found:
            Console().print(parked_table(found, house.clock.now()))
        else:
            sys.stdout.write("Nothing is parked.\n" if said.wide else "Nothing parked fits.\n")


async def _redrive(settings: Settings, lane: str | None, said: ParkedFilter) -> None:
    async with opened(settings, "parked") as house:
        desk = ParkedDesk(house.database, lease_s=house.settings.lease.total_seconds())
        done = sum([await desk.redrive(chosen, who=doer()) for chosen in _filters(house, lane, said)])
        sys.stdout.write(f"{done:,} tried again.\n")


async def _drop(settings: Settings, lane: str | None, said: ParkedFilter, *, yes: bool) -> None:
    async with opened(settings, "parked") as house:
        desk = ParkedDesk(house.database, lease_s=house.settings.lease.total_seconds())
        filters = _filters(house, lane, said)
        if not yes:
            found = [event for chosen in filters for event in await desk.look(chosen, limit=10)]
            Console(stderr=True).print(parked_table(found, house.clock.now()))
            typer.confirm("Drop these, and all others that fit?", abort=True, err=True)
        done = sum([await desk.drop(chosen, who=doer()) for chosen in filters])
        sys.stdout.write(f"{done:,} dropped.\n")

"""`comanda campaign`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from comanda.cli.command import Data, begin
from comanda.cli.lanes import opened
from comanda.contexts.campaigns.campaign_figures import Figures
from comanda.contexts.campaigns.campaign_parts import CampaignParts
from comanda.contexts.campaigns.campaign_store import CampaignRow
from comanda.contexts.campaigns.campaign_toml import CampaignFile, read_campaign
from comanda.engine.errors import Refused, SettingError

EVERY_S = 1.0
ENDED = frozenset({"finished", "cancelled"})

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The campaign's number.")]
Json = Annotated[bool, typer.Option("--json", help="Tell it as JSON.")]
Work = Callable[[CampaignParts], Awaitable[Any]]


app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def campaign() -> None:
    """Write campaigns, start and stop them, and watch them go out.

    Example: comanda campaign create summer.toml
    """


@app.command()
def create(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A TOML file; see docs/campaigns.md.")] = None,
    data: Data = None,
    *,
    name: Annotated[str, typer.Option(help="Without a file: the name of an empty draft.")] = "",
    json: Json = False,
) -> None:
    """Keep a campaign: from a file, scheduled where it says when, or an empty draft.

    Example: comanda campaign create summer.toml
    """
    if (file is None) == (not name):
        raise SettingError("Name a file, or else --name for an empty draft.")
    content = None if file is None else file.read_bytes()
    written = CampaignFile(name=name) if content is None else read_campaign(content)
    _run(data, lambda parts: parts.create(written), as_json=json)


@app.command()
def preview(
    number: Number,
    data: Data = None,
    *,
    position: Annotated[int, typer.Option(help="Which customer of the audience, from 0.")] = 0,
    variant: Annotated[int, typer.Option(help="Which subject, from 0.")] = 0,
    json: Json = False,
) -> None:
    """Show the mail as one customer would get it; with --json its HTML too.

    Example: comanda campaign preview 3 --position 1
    """

    async def look(parts: CampaignParts) -> Any:
        row = await parts.campaigns.one(await parts.restaurant_of(number), number)
        shown = await parts.previews.preview(row, position=position, variant=variant)
        to = f"{shown.email or 'nobody yet'} ({shown.position + 1} of {shown.people})"
        return shown if json else f"From: {shown.sender}\nTo: {to}\nSubject: {shown.subject}\n\n{shown.text}"

    _run(data, look, as_json=json)


@app.command()
def start(number: Number, data: Data = None, *, json: Json = False) -> None:
    """Start it now. Started twice it is started once."""
    _steer(data, number, lambda parts: parts.campaigns.start, as_json=json)


@app.command()
def pause(number: Number, data: Data = None, *, json: Json = False) -> None:
    """Let no further mail begin; those under way are finished."""
    _steer(data, number, lambda parts: parts.campaigns.pause, as_json=json)


@app.command()
def resume(number: Number, data: Data = None, *, json: Json = False) -> None:
    """Let a paused campaign go on where it was."""
    _steer(data, number, lambda parts: parts.campaigns.resume, as_json=json)


@app.command()
def cancel(number: Number, data: Data = None, *, json: Json = False) -> None:
    """End it for good: who has not been mailed is not."""
    _steer(data, number, lambda parts: parts.campaigns.cancel, as_json=json)


@app.command()
def report(number: Number, data: Data = None, *, json: Json = False) -> None:
    """Tell what became of it: recipients by state, and how often each was mailed."""

    async def look(parts: CampaignParts) -> Any:
        figures = await parts.figures(number)
        states = ", ".join(f"{name} {people}" for name, people in figures.states.items() if people)
        told = f"{figures.name}: {figures.state}, {figures.recipients} recipients\n{states or 'nobody yet'}"
        return figures if json else f"{told}\n{figures.statement}"

    _run(data, look, as_json=json)


@app.command()
def watch(number: Number, data: Data = None, *, json: Json = False) -> None:
    """Watch it go out, until it has ended or Ctrl-C; with --json a line each second."""

    async def look(parts: CampaignParts) -> Any:
        figures = await parts.figures(number)
        with Live(progress(figures), console=Console(), auto_refresh=False, transient=json) as live:
            while figures.state not in ENDED:
                if json:
                    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")
                    sys.stdout.flush()
                else:
                    live.update(progress(figures), refresh=True)
                await parts.clock.sleep(EVERY_S)
                figures = await parts.figures(number)
        return figures if json else str(figures.statement)

    _run(data, look, as_json=json)


def progress(figures: Figures) -> Group:
    """Return a campaign's progress for a terminal: bar, rate, estimated end, domains, errors."""
    head = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=max(1, figures.recipients), completed=figures.done, width=40)
    ends = "" if figures.ends_at is None else f"ends about {figures.ends_at:%H:%M:%S} UTC"
    share = f"{figures.done:,} of {figures.recipients:,}"
    head.add_row(Text(figures.name, "bold"), Text(figures.state), bar, share, f"{figures.rate_per_s:,.1f}/s", ends)
    table = Table(box=None, pad_edge=False)
    for column in ("Domain", "Sent", "Later", "Failed"):
        table.add_column(column, justify="left" if column == "Domain" else "right")
    for domain in figures.domains:
        table.add_row(domain.domain or "others", f"{domain.sent:,}", f"{domain.deferred:,}", f"{domain.failed:,}")
    errors = [
        Text(f"{error.times:,} x {error.code} {' '.join(error.words.split())[:90]}", "red") for error in figures.errors
    ]
    return Group(head, table, *errors)


def _steer(
    data: Data, number: int, command: Callable[[CampaignParts], Callable[..., Awaitable[CampaignRow]]], *, as_json: bool
) -> None:
    async def act(parts: CampaignParts) -> CampaignRow:
        return await command(parts)(await parts.restaurant_of(number), number)

    _run(data, act, as_json=as_json)


def _run(data: Data, work: Work, *, as_json: bool) -> None:
    async def run() -> None:
        async with opened(begin("campaign", data=data), "campaign") as house:
            told = await tell(house.campaigns, work)
        sys.stdout.write(f"{shown(told, as_json=as_json)}\n")

    asyncio.run(run())


async def tell(parts: CampaignParts, work: Work) -> Any:
    """Do the work; a refusal is told with all its places."""
    try:
        return await work(parts)
    except Refused as error:
        places = [f"\n  {fault.path}: {fault.message}" for fault in error.fields]
        raise Refused(error.message + "".join(places), kind=error.kind, code=error.code, fields=error.fields) from error


def shown(told: Any, *, as_json: bool) -> str:
    """Return what is printed of a command's outcome."""
    if as_json:
        return msgspec.json.encode(told).decode()
    if isinstance(told, CampaignRow):
        at = "" if told.sends_at is None else f" for {told.sends_at:%Y-%m-%d %H:%M} UTC"
        return f"campaign {told.number} ({told.name}): {told.state}{at}"
    return str(told)

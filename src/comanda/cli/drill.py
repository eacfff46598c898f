"""`comanda drill`."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from comanda.cli.command import begin, command
from comanda.drill.drill import Drill
from comanda.drill.drill import Progress as DrillProgress
from comanda.drill.errors import DrillError, DrillInterrupted
from comanda.drill.plan import Fault, plan
from comanda.drill.report import Report
from comanda.drill.table import show
from comanda.engine.clock import SystemClock
from comanda.engine.ids import RandomIds
from comanda.logs import configure_logs
from comanda.processes.until_told import end_signals

SEEDS = 1_000_000

PACE_S = 1.5
"""The mean time between two faults, unless it follows from what was asked for."""

FAULTS = 20

PREFIX = "comanda-drill-"

INTERRUPTED = 130

Minutes = Annotated[float | None, typer.Option(min=0.1, max=100_000, help="For how long. [as the faults need]")]
Faults = Annotated[int | None, typer.Option(min=1, max=100_000, help="How many faults. [20, or as the minutes allow]")]
Seed = Annotated[int | None, typer.Option(help="Makes faults and guests; the same seed, the same plan. [any]")]


def drill(
    *,
    minutes: Minutes = None,
    faults: Faults = None,
    seed: Seed = None,
    json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Hurt a system of its own while guests order, and count from outside whether each order was made once.

    It starts a whole system in a temporary folder: PostgreSQL, two web processes, three workers, the sandbox provider
    and a mail server. Guests order with too many clicks; meanwhile processes are killed or paused beyond their lease,
    PostgreSQL is stopped at once, connections are cut, stalled and half closed, and webhooks come twice and out of
    order. In the end all drains and is audited, and the guests' answers, the provider's ledger and the mail server's
    log are laid beside each other.

    Exits with 0 when nothing was lost or doubled; else with 1, the seed, and the story of the orders that broke. What
    runs on this machine otherwise is not touched.

    Example: comanda drill --faults 200 --seed 7
    """
    begin("drill")
    chosen = RandomIds().new().int % SEEDS if seed is None else seed
    count = faults or (max(1, round(minutes * 60 / PACE_S)) if minutes else FAULTS)
    planned = plan(chosen, count, pace_s=minutes * 60 / count if minutes else PACE_S)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        report = uvloop.run(_drill(planned, seed=chosen, folder=folder, quiet=json))
    except DrillInterrupted as error:
        shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.write(f"comanda: {error}\n")
        raise typer.Exit(INTERRUPTED) from None
    except DrillError as error:
        raise DrillError(f"{error} (seed {chosen}; data and logs are kept in {folder})") from error
    if report.good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        report = msgspec.structs.replace(report, kept=str(folder))
    if json:
        sys.stdout.write(msgspec.json.encode({"good": report.good, **msgspec.structs.asdict(report)}).decode() + "\n")
    else:
        show(report, Console())
    raise typer.Exit(0 if report.good else 1)


async def _drill(planned: list[Fault], *, seed: int, folder: Path, quiet: bool) -> Report:
    with (folder / "drill.log").open("w") as log, _shown(len(planned), quiet=quiet) as told:
        configure_logs("text", "drill", output=log)
        interrupted = asyncio.Event()
        with end_signals(interrupted):
            running = asyncio.create_task(_run(planned, seed=seed, folder=folder, told=told))
            waiting = asyncio.create_task(interrupted.wait())
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not running.done():
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
                raise DrillInterrupted("The drill was ended before its end; nothing was counted.")
            return running.result()


async def _run(planned: list[Fault], *, seed: int, folder: Path, told: Callable[[DrillProgress], None]) -> Report:
    async with Drill(planned, seed=seed, folder=folder, clock=SystemClock(), told=told) as drill:
        await drill.play()
        await drill.drain()
        return await drill.count()


@contextlib.contextmanager
def _shown(faults: int, *, quiet: bool) -> Iterator[Callable[[DrillProgress], None]]:
    """Lend what shows how far the drill has come: a bar on a terminal, a line for each fault elsewhere."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("faults"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[intents]} intents, {task.fields[answered]} answered"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[last]}", style="dim"),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    task = progress.add_task("", total=faults, intents=0, answered=0, last="starting")
    last = ""

    def told(now: DrillProgress) -> None:
        nonlocal last
        progress.update(task, completed=now.struck, intents=now.intents, answered=now.answered, last=now.last)
        if now.last != last and not quiet and not console.is_terminal:
            console.print(f"{now.answered} answered, {now.last}", soft_wrap=True)
        last = now.last

    with progress:
        yield told


app = command(drill)

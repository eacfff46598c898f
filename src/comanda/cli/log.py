"""`comanda log`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from comanda.cli.command import Data, begin
from comanda.cli.moment import moment
from comanda.engine.database import Transaction
from comanda.engine.errors import SettingError
from comanda.engine.lanes import cursors
from comanda.engine.lanes.relay import Relay
from comanda.engine.monitoring.tail import LogTail, TailedEvent
from comanda.engine.retention import Outcome
from comanda.environment import duration
from comanda.house import House, build_house
from comanda.processes.database_home import with_database
from comanda.processes.whereabouts import beside
from comanda.settings import Settings

FOLLOW_EVERY_S = 0.3

SOME = 10_000
"""Events that are counted before a replay; more are `over 10000`."""

COUNT = """
SELECT count(*) FROM (
    SELECT FROM engine.events WHERE at >= $1 AND ($2::text[] IS NULL OR name = ANY ($2::text[])) LIMIT $3
) e
"""

QUEUES = "sns+sqs:"
"""What a queue has brought is gone from it: only the relay brings it again. Kafka keeps what it carried."""

Name = Annotated[str, typer.Argument(metavar="CONSUMER", help="Its name, such as kitchen.tickets.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def log() -> None:
    """Watch the event log, set consumers back in it, and let go what is no longer needed.

    Times are written as how long ago (2h, 30m) or in ISO 8601 (2026-11-24T18:30, in UTC where no zone is named).

    Example: comanda log show --follow
    """


@app.command()
def show(
    data: Data = None,
    *,
    since: Annotated[str, typer.Option(help="Show no older ones.")] = "24h",
    name: Annotated[str | None, typer.Option(help="Only events of this name.")] = None,
    key: Annotated[str | None, typer.Option(help="Only events of this key, such as an order's id.")] = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="Show so many at most.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with each new one.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Show each as a line of JSON.")] = False,
) -> None:
    """Show the newest events, the oldest of them first.

    Example: comanda log show --since 2h --name ordering.OrderPlaced --follow
    """
    settings = begin("log", data=data)
    asyncio.run(show_events(settings, since, name=name, key=key, last=last, follow=follow, json=json))


@app.command()
def replay(
    consumer: Name,
    data: Data = None,
    *,
    since: Annotated[str, typer.Option(help="The time from which it is to read.")],
    yes: Yes = False,
) -> None:
    """Set a consumer back, or forth, to the events since a time.

    Workers may run meanwhile: what they have in hand for this consumer is refused, and they read anew from there. What
    its handler did for events that it reads again is done again, unless the handler is idempotent.

    Example: comanda log replay customers.history --since 2026-11-24T18:30
    """
    settings = begin("log", data=data)
    asyncio.run(replay_consumer(settings, consumer, since, yes=yes))


@app.command()
def archive(
    data: Data = None,
    *,
    older: Annotated[str | None, typer.Option(help="Days that ended so long ago. [COMANDA_EVENTS_KEEP]")] = None,
) -> None:
    """Store old days of the log as Parquet at the files URL now, and drop those that every consumer has read.

    Example: comanda log archive --older 2d
    """
    settings = begin("log", data=data)
    tell(asyncio.run(archive_days(settings, older)))


@app.command()
def forget(consumer: Name, data: Data = None, *, yes: Yes = False) -> None:
    """Remove all that is kept for a consumer that no longer exists, so that it holds no day of the log back.

    Example: comanda log forget campaigns.old_report
    """
    settings = begin("log", data=data)
    asyncio.run(forget_consumer(settings, consumer, yes=yes))


@asynccontextmanager
async def _house(settings: Settings) -> AsyncIterator[House]:
    async with with_database(beside(settings)) as found:
        house = build_house(found, role="log", connections=2)
        async with house.opened():
            yield house


async def show_events(
    settings: Settings, since: str, *, name: str | None, key: str | None, last: int, follow: bool, json: bool
) -> None:
    """Show events of the log; with `follow`, for ever."""
    console = Console()
    async with _house(settings) as house:
        tail = LogTail(house.database, name=name, key=key)
        events = await tail.last(last, moment(since, house.clock, told_as="--since"))
        _print(console, events, json=json)
        if not events and not follow and not json:
            console.print(f"No such event since {since}.", style="dim")
        while follow:
            await house.clock.sleep(FOLLOW_EVERY_S)
            _print(console, await tail.new(), json=json)


def _print(console: Console, events: Iterable[TailedEvent], *, json: bool) -> None:
    for event in events:
        if json:
            sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
        else:
            line = Text.assemble(
                (f"{event.at:%Y-%m-%d %H:%M:%S}.{event.at.microsecond // 1000:03}  ", "dim"),
                (f"{event.name} v{event.version}  ", "bold"),
                (f"{event.key}  ", "cyan"),
                bytes(event.payload).decode(),
            )
            if console.is_terminal:
                console.print(line, overflow="ellipsis", no_wrap=True)
            else:
                sys.stdout.write(f"{line.plain}\n")
    sys.stdout.flush()


async def replay_consumer(settings: Settings, consumer: str, since: str, *, yes: bool) -> None:
    """Set a consumer's cursors, once somebody has agreed."""
    async with _house(settings) as house:
        start = moment(since, house.clock, told_as="--since")
        names = next((known.names for known in house.consumers if known.name == consumer), None)
        also = [known.name for known in house.consumers if isinstance(known, Relay) and known.name != consumer]
        also = also if settings.events_url.startswith(QUEUES) else []
        again = await house.database.fetch_value(COUNT, start, names, SOME + 1)
        shown = f"over {SOME}" if again > SOME else str(again)
        _ask(
            f"{consumer} will read the {shown} events since {start:%Y-%m-%d %H:%M:%S %Z}, whether it has read them or "
            "not, and none from before. What its handler did for those it has read is done again, unless the handler "
            "is idempotent.",
            yes=yes,
        )
        done = await house.database.run(lambda tx: _set(tx, [consumer, *also], start))
        sys.stdout.write(f"{consumer} now reads from {start:%Y-%m-%d %H:%M:%S %Z} on.\n")
        for relay in also:
            sys.stdout.write(f"{relay} brings it those events again; the other consumers let pass what they know.\n")
        if done.unparked:
            sys.stdout.write(f"{done.unparked} parked events were taken away, for it reads them again.\n")


async def _set(tx: Transaction, consumers: Sequence[str], start: datetime) -> cursors.Replay:
    """Set several consumers at once; return what was done for the first."""
    done = [await cursors.set_to(tx, consumer, start) for consumer in consumers]
    return done[0]


async def archive_days(settings: Settings, older: str | None) -> list[Outcome]:
    """Archive and drop old days; return what became of each."""
    keep = None if older is None else duration(older, told_as="--older")
    async with _house(settings) as house:
        return await house.retention(keep=keep, archive=True).apply()


def tell(outcomes: list[Outcome]) -> None:
    """Say what became of each day."""
    for outcome in outcomes:
        if outcome.fate == "dropped":
            where = f"archived in {outcome.file}" if outcome.file else "there was nothing to archive"
            told = f"dropped with {outcome.events} events; {where}"
        elif outcome.fate == "held":
            told = f"kept: not yet read by {', '.join(outcome.holders)}"
        else:
            told = "kept: the log is being read; try again"
        sys.stdout.write(f"{outcome.day}  {told}\n")
    if not outcomes:
        sys.stdout.write("No day of the log is old enough, or a worker is at it just now.\n")


async def forget_consumer(settings: Settings, consumer: str, *, yes: bool) -> None:
    """Forget a consumer that the program does not have, once somebody has agreed."""
    async with _house(settings) as house:
        if any(known.name == consumer for known in house.consumers):
            raise SettingError(
                f"{consumer} is a consumer of this program: forgotten, it would begin anew. To have it read again, or "
                "skip, use comanda log replay."
            )
        standing = {one.name: one for one in await house.database.run(cursors.standings)}
        parked = standing[consumer].parked if consumer in standing else 0
        _ask(f"All that is kept for {consumer} is removed, with {parked} parked events.", yes=yes)
        await house.database.run(lambda tx: cursors.forget(tx, consumer))
        sys.stdout.write(f"{consumer} is forgotten.\n")


def _ask(what: str, *, yes: bool) -> None:
    """Have a person agree. Raises `SettingError` where there is none to ask."""
    if yes:
        return
    sys.stderr.write(f"{what}\n")
    if not sys.stdin.isatty():
        raise SettingError("Nobody is there to ask: say --yes.")
    typer.confirm("Go on?", abort=True, err=True)

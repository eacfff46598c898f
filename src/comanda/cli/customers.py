"""`comanda customers`."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from comanda.cli.command import Data, begin
from comanda.cli.customer_data import erase, export
from comanda.cli.lanes import opened
from comanda.contexts.catalog.reader import Restaurants
from comanda.contexts.customers.importing import local
from comanda.contexts.customers.importing.cleaning import Problem
from comanda.contexts.customers.importing.files import LocalFile, samples
from comanda.contexts.customers.importing.layout import Layout, Preview, preview
from comanda.contexts.customers.importing.service import Imports, Needs
from comanda.contexts.customers.importing.store import ImportRow
from comanda.contexts.customers.importing.writing import Counts
from comanda.engine.errors import SettingError
from comanda.engine.idempotency import Seals
from comanda.house import House
from comanda.installation import installation_secret
from comanda.settings import Settings

Slug = Annotated[str, typer.Option("--restaurant", metavar="SLUG", help="Whose customers they are.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)
app.command("export")(export)
app.command("erase")(erase)


@app.callback()
def customers() -> None:
    """Import customers from a file; export or erase one.

    Example: comanda customers import list.csv --restaurant demo

    Example: comanda customers export ann@example.com --out ann.json
    """


class Asked(NamedTuple):
    """What the import command was asked to do."""

    path: Path
    restaurant: str
    wishes: list[str]
    encoding: str
    delimiter: str
    dry_run: bool
    anew: bool
    as_json: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of an import; `state` is `looked` after a dry run."""

    state: str
    import_id: UUID | None
    file: str
    encoding: str
    delimiter: str
    columns: dict[str, str]
    counts: Counts
    seconds: float
    rows_per_s: float
    problems: list[dict[str, Any]]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A list with a heading: CSV, or with ; tab or |.")],
    data: Data = None,
    restaurant: Slug = "demo",
    *,
    wishes: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="ROLE=COLUMN", help="What a column holds, where the guess is wrong."),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Such as cp1252. [guessed]")] = "",
    delimiter: Annotated[str, typer.Option(help="Between columns. [guessed]")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check all of it, and write nothing.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Import a file that was imported before.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Import customers from a file, with a progress bar; the same command goes on where it was ended, killed or not.

    Encoding, delimiter and what the columns hold are guessed and shown. Roles are email, name, first_name, last_name,
    phone, consent, consent_at, consent_source, timezone, attribute and ignore. Lines without a good address are left
    out and told by their numbers; lines of the same address are merged; who has unsubscribed stays so. A file that was
    imported to its end is not imported again.

    Exits with 0 when all of the file was read, whatever lines were left out.

    Example: comanda customers import list.csv --map phone=Handy --dry-run
    """
    asked = Asked(file, restaurant, wishes or [], encoding, delimiter, dry_run, anew, json)
    report = asyncio.run(_import(begin("customers", data=data), asked))
    if json:
        sys.stdout.write(f"{msgspec.json.encode(report).decode()}\n")
    else:
        _show(report, Console())
    raise typer.Exit(0 if report.state in {"finished", "looked"} else 1)


async def _import(settings: Settings, asked: Asked) -> Report:
    async with opened(settings, "customers") as house:
        restaurants = Restaurants(house.database, house.clock)
        found = await restaurants.by_slug(asked.restaurant)
        if found is None:
            raise SettingError(f"There is no restaurant {asked.restaurant!r} with a published menu.")
        needs = Needs(
            database=house.database,
            log=house.log,
            files=house.files,
            seals=Seals(installation_secret(settings)),
            restaurants=restaurants,
            clock=house.clock,
            ids=house.ids,
        )
        return await _run(house, Imports(needs), asked, found.id)


async def _run(house: House, imports: Imports, asked: Asked, restaurant_id: UUID) -> Report:
    print_ = await asyncio.to_thread(local.fingerprint, asked.path)
    beginning, elsewhere = await samples(LocalFile(asked.path), print_.size)
    seen = preview(beginning, elsewhere=elsewhere, encoding=asked.encoding, delimiter=asked.delimiter)
    layout = local.mapped(seen.layout, asked.wishes)
    row = await _row(imports, asked, restaurant_id, print_, seen._replace(layout=layout))
    began, before = house.clock.monotonic(), row.counts.rows
    with _progress(asked.path.name, print_.size, row, quiet=asked.as_json) as told:
        if asked.dry_run:
            found = await local.look(imports, row, asked.path, told)
            counts, state, problems = found.counts, "looked", [_told(problem) for problem in found.problems]
        else:
            row = await local.run(imports, house.database, row, asked.path, told)
            counts, state = row.counts, row.state
            problems = [dict(problem) for problem in await imports.problems(row.id, local.MOST_SHOWN)]
    seconds = house.clock.monotonic() - began
    return Report(
        state=state,
        import_id=None if asked.dry_run else row.id,
        file=str(asked.path),
        encoding=row.layout.encoding,
        delimiter=row.layout.delimiter,
        columns=_columns(row.layout),
        counts=counts,
        seconds=round(seconds, 3),
        rows_per_s=round((counts.rows - before) / seconds) if seconds > 0 else 0,
        problems=problems,
    )


async def _row(
    imports: Imports, asked: Asked, restaurant_id: UUID, print_: local.Fingerprint, seen: Preview
) -> ImportRow:
    """Return the import to go on with, or a new one."""
    earlier = await imports.latest_of_file(restaurant_id, print_.key)
    if earlier is not None and not asked.dry_run:
        if earlier.state == "running":
            if earlier.layout != seen.layout:
                raise SettingError(
                    f"An import of this file was begun at {earlier.created_at:%Y-%m-%d %H:%M} UTC that reads it in "
                    "another way: give the same options to go on with it."
                )
            return earlier
        if earlier.state == "finished" and not asked.anew:
            return earlier
    if asked.dry_run:
        return imports.draft(
            restaurant_id, name=asked.path.name, file_key=print_.key, size=print_.size, seen=seen, state="running"
        )
    return await imports.begin(
        restaurant_id, name=asked.path.name, file_key=print_.key, size=print_.size, seen=seen, state="running"
    )


@contextmanager
def _progress(name: str, size: int, row: ImportRow, *, quiet: bool) -> Iterator[local.Told]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task(name, total=size, completed=row.place.offset, rows=row.counts.rows)

        def told(offset: int, rows: int) -> None:
            bar.update(task, completed=offset, rows=rows)

        yield told


def _columns(layout: Layout) -> dict[str, str]:
    return dict(zip(layout.columns, layout.roles, strict=True))


def _told(problem: Problem) -> dict[str, Any]:
    return problem._asdict()


def _show(report: Report, console: Console) -> None:
    counts = report.counts
    console.print(f"{report.file}: {report.encoding}, columns separated by {report.delimiter!r}")
    console.print(", ".join(f"{column} → {role.replace('_', ' ')}" for column, role in report.columns.items()))
    if report.state == "looked":
        console.print(
            f"{counts.rows:,} rows, of which {counts.rows - counts.refused:,} would be taken. Nothing was written."
        )
    else:
        console.print(
            f"{report.state}: {counts.rows:,} rows: {counts.made:,} new customers, {counts.renewed:,} renewed, "
            f"{counts.merged:,} merged with others of the file, {counts.refused:,} left out; {counts.noted:,} values "
            f"left out. {report.rows_per_s:,} rows/s"
        )
    if report.problems:
        table = Table("line", "column", "what is wrong", "excerpt")
        for problem in report.problems:
            excerpt = str(problem["excerpt"]).replace("\n", " ")[:60]
            table.add_row(str(problem["line"]), problem["column"], problem["text"], excerpt)
        console.print(table)

"""`comanda events`."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from comanda.cli.command import Data, begin, command
from comanda.engine.catalogue import CatalogueEntry, entries
from comanda.engine.events.published import write
from comanda.house import build_house
from comanda.web.events_page import asyncapi_of


def events(
    data: Data = None,
    *,
    asyncapi: Annotated[bool, typer.Option("--asyncapi", help="Print the AsyncAPI document instead.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--write",
            metavar="DIR",
            help="Write each event's schema into a folder, unless that breaks a published one.",
        ),
    ] = None,
) -> None:
    """List the events: who publishes each, who consumes it, and what it looks like.

    Example: comanda events --write docs/events
    """
    house = build_house(begin("events", data=data), role="events")
    if out is not None:
        for file in write(house.catalogue.types, out):
            sys.stdout.write(f"{file}\n")
    elif asyncapi:
        document = msgspec.json.encode(asyncapi_of(house.catalogue, house.consumers))
        sys.stdout.write(msgspec.json.format(document, indent=2).decode() + "\n")
    else:
        Console().print(_table(entries(house.catalogue, house.consumers)))


def _table(listed: list[CatalogueEntry]) -> Table:
    table = Table("Event", "Version", "In order by", "Reaches", box=None, pad_edge=False)
    for entry in listed:
        table.add_row(entry.name, str(entry.version), entry.key, "\n".join(entry.consumers) or "no lane")
    return table


app = command(events)

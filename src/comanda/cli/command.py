"""What all commands share: their options, and the first steps of a process."""

import getpass
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from comanda.environment import read_settings
from comanda.logs import configure_logs
from comanda.processes import leash
from comanda.settings import Settings

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="The data directory. [COMANDA_DATA, or .data]")
]


def command(function: Callable[..., Any]) -> typer.Typer:
    """Return `function` as a command of its own: its docstring is the help, its parameters the options."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(function)
    return app


def begin(process: str, **chosen: object) -> Settings:
    """Take the first steps of a process: hold on to the nursery where there is one, read settings, open the log."""
    name = leash.hold(os.environ) or process
    # Mails, books and secrets in the data directory are nobody else's.
    os.umask(0o077)
    settings = read_settings(os.environ, **chosen)
    configure_logs(settings.log, name)
    return settings


def doer() -> str:
    """Return who gives the command, for the log: the user of this machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"

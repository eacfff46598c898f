"""The program `comanda`: finds the command, loads its file alone, and tells what went wrong in one sentence."""

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from comanda.engine.errors import ComandaError, SettingError, Unavailable

COMMANDS = {
    "up": "Start everything on this machine: database, web, workers, provider, mailbox.",
    "serve": "Run one web process.",
    "work": "Run one worker.",
    "migrate": "Bring the database to the present shape.",
    "seed": "Fill an empty database with the demo restaurant.",
    "customers": "Import customers from a file, export and erase one.",
    "campaign": "Write campaigns, start and stop them, and watch them go out.",
    "returns": "Take bounces and complaints about campaigns.",
    "lanes": "Show the lanes at work, and steer them.",
    "parked": "Show parked events and dead letters, have them tried again, or drop them.",
    "audit": "Check over everything stored that each intent took effect once.",
    "replay": "Place the orders of a file with many clicks, and check that each was made once.",
    "log": "Watch the event log, set consumers back in it, let go what is no longer needed.",
    "events": "List the events: who publishes each, who consumes it, and what it looks like.",
    "drill": "Hurt a system of its own in every way we know, and count what it kept of its promise.",
    "model": "Print the entity-relationship diagram.",
    "sandbox": "Run the sandbox payment provider.",
    "mailbox": "Run the built-in mailbox.",
}
"""The commands, and what `comanda --help` says of them without loading their files."""

HIDDEN = ("nursery",)

BAD_SETTINGS = 78
UNAVAILABLE = 69
"""Exit statuses of sysexits.h: a supervisor starts a process again that ended with the second, not with the first."""


class Commands(TyperGroup):
    """Loads the file of the command that was asked for, and of no other: a process should start soon."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return [*COMMANDS]

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """Return the command, or None."""
        if cmd_name not in COMMANDS and cmd_name not in HIDDEN:
            return None
        return typer.main.get_command(importlib.import_module(f"comanda.cli.{cmd_name}").app)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def comanda() -> None:
    """Online ordering and e-mail campaigns for restaurants, where one intent takes effect once.

    Settings come from the environment (COMANDA_…); options of a command go before them.

    Example: comanda up --data .data --port 8000
    """


def main() -> None:
    """Run the command that the arguments name."""
    try:
        app()
    except SettingError as error:
        _end(error, BAD_SETTINGS)
    except Unavailable as error:
        _end(error, UNAVAILABLE)
    except ComandaError as error:
        _end(error, 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(error: ComandaError, status: int) -> None:
    sys.stderr.write(f"comanda: {error}\n")
    sys.exit(status)

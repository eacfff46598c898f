"""`comanda nursery`: what `comanda up` forks its children from. Not for people."""

import socket
import sys

from comanda.cli import mailbox, sandbox, seed, serve, work
from comanda.cli.command import command
from comanda.processes.nursery_loop import run_nursery

LOADED = (mailbox, sandbox, seed, serve, work)
"""The commands of the children: importing them here is what the nursery is for."""


def nursery(control: int) -> None:
    """Load the whole program, and make children of it as the supervisor orders on the socket `control`."""
    order = run_nursery(socket.socket(fileno=control))
    if order is None:
        return
    sys.argv = ["comanda", *order.arguments]
    command_of = {module.__name__.rpartition(".")[2]: module.app for module in LOADED}
    name, *arguments = order.arguments
    command_of[name](args=arguments, prog_name=f"comanda {name}")


app = command(nursery)

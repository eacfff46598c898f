"""The command line: one program in its roles, a file each."""

from comanda.cli.main import main

__all__ = ["main"]

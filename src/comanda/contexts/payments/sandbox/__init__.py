"""A payment provider of our own, with a durable ledger, to try failures with. Runs as a process of its own."""

from comanda.contexts.payments.sandbox.app import build_app
from comanda.contexts.payments.sandbox.cards import CARDS, table
from comanda.contexts.payments.sandbox.process import run

__all__ = ["CARDS", "build_app", "run", "table"]

"""Consumers of the tests' events."""

from comanda.engine.database import Transaction
from comanda.engine.lanes import consumer
from tests.fakes.lanes import EFFECT, Rung, Silenced


@consumer("test.hear", [Rung], batch=20)
async def hear(tx: Transaction, event: Rung) -> None:
    """Leave an effect."""
    await tx.execute(EFFECT, event.bell, event.number)


@consumer("test.hear", [Rung, Silenced], batch=20)
async def hear_all(_tx: Transaction, _event: Rung | Silenced) -> None:
    """Be the consumer of the next version, that wants to know more."""


@consumer("test.log", [], batch=20)
async def write_down(_tx: Transaction, _event: object) -> None:
    """Want everything."""

"""The consumer of most of the suite's tests."""

from comanda.engine.database import Transaction
from comanda.engine.lanes import consumer
from tests.fakes.lanes import EFFECT, Rung


@consumer("test.hear", [Rung], batch=20)
async def hear(tx: Transaction, event: Rung) -> None:
    """Leave an effect."""
    await tx.execute(EFFECT, event.bell, event.number)

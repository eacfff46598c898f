"""Two lanes to look at: one whose handler does as it is told, and one that nobody works at."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from comanda.contracts.module import Module
from comanda.engine.clock import SystemClock
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import DeadLetter, RetryLater
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer, consumer
from comanda.operations.module import build
from comanda.web.access import Role, StaffMember
from comanda.web.tally import RequestTally
from tests.fakes.lanes import EFFECT, Rung, make_effects, ringing


class Handler:
    """What the lane `bells.ring` does: it fails for the bells of `broken` and `slow`, and rings all others."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.late: set[str] = set()

    async def __call__(self, tx: Transaction, event: Rung) -> None:
        """Ring, or fail."""
        if event.bell in self.broken:
            raise DeadLetter(f"The bell {event.bell} is cracked.")
        if event.bell in self.late:
            raise RetryLater("The ringer is asleep.", after_s=3600)
        await tx.execute(EFFECT, event.bell, event.number)


@pytest.fixture
def handler() -> Handler:
    """Return what the lane `bells.ring` does."""
    return Handler()


@pytest.fixture
def ring(handler: Handler) -> Consumer:
    """Return a lane that rings bells."""

    @consumer("bells.ring", [Rung])
    async def ring(tx: Transaction, event: Rung) -> None:
        await handler(tx, event)

    return ring


@pytest.fixture
def count() -> Consumer:
    """Return a lane that wants the same events and is served by nobody."""

    @consumer("bells.count", [Rung])
    async def count(_tx: Transaction, _event: Rung) -> None:
        """Do nothing."""

    return count


@pytest.fixture
async def log(database: Database) -> AsyncIterator[EventLog]:
    """Return a log, on a database with a table for effects."""
    await make_effects(database)
    async with ringing(database) as log:
        yield log


async def emit(database: Database, log: EventLog, *bells: str) -> None:
    """Ring bells, each in a transaction of its own."""
    for number, bell in enumerate(bells):
        async with database.transaction() as tx:
            await log.emit(tx, Rung(bell=bell, number=number))


class Sessions:
    """An operator, a cook and an owner are signed in."""

    async def member(self, token: str) -> StaffMember | None:
        """Know three tokens."""
        role: dict[str, Role] = {"operator": "operator", "cook": "kitchen", "owner": "owner"}
        if token not in role:
            return None
        return StaffMember(
            id=UUID(int=1),
            restaurant_id=UUID(int=7),
            name=token,
            email=f"{token}@example.org",
            roles=frozenset({role[token]}),
        )


def room(database: Database, *consumers: Consumer, token: str = "", tally: RequestTally | None = None) -> Module:
    """Return the operators' room over some lanes."""
    clock = SystemClock()
    return build(
        database=database,
        consumers=consumers,
        clock=clock,
        tally=tally or RequestTally(clock),
        metrics_token=token,
        lease_s=10.0,
    )

"""The bells of one test: ringing them, worker processes that hear them, and what came of it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from comanda.engine.database import Database
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer, Worker
from comanda.engine.lanes.late_calls import REASON
from comanda.engine.lanes.source import LoggedEvent, logged
from comanda.engine.service import running
from comanda.engine.transports import Transport
from tests.conformance.transports import stage as stages
from tests.conformance.transports.stage import Stage
from tests.fakes.lanes import Rung, effects, make_effects, until

LAST = 999_999
"""The number of the ring that ends a bell's: what came before it has taken effect once it has."""

READ = "SELECT shard, position, id, at, version, name, key, payload, trace FROM engine.events ORDER BY position, id"


class Scenario:
    """A transport, a log and a table of effects.

    Attributes:
        folder: the machine's, which its worker processes share.
    """

    def __init__(self, stage: Stage, database: Database, log: EventLog, folder: Path) -> None:
        self.stage = stage
        self.database = database
        self.folder = folder
        self._log = log
        self._bells: set[str] = set()

    async def prepare(self) -> None:
        """Make the table of effects."""
        await make_effects(self.database)

    async def ring(self, *rings: tuple[str, int]) -> None:
        """Ring bells, in this order, in one transaction."""
        self._bells |= {bell for bell, _ in rings}
        async with self.database.transaction() as tx:
            await self._log.emit(tx, *(Rung(bell=bell, number=number) for bell, number in rings))

    def process(self, *consumers: Consumer) -> AbstractAsyncContextManager[Worker]:
        """Run what a worker process runs."""
        return stages.process(self.stage.url, self.database, *consumers, folder=self.folder)

    @asynccontextmanager
    async def transport(self, *consumers: Consumer) -> AsyncIterator[Transport]:
        """Lend a transport, to publish by hand."""
        transport = stages.carrier(self.stage.url, self.database, *consumers, folder=self.folder)
        assert transport is not None
        async with running([transport]):
            yield transport

    async def logged(self) -> list[LoggedEvent]:
        """Return the whole log, in its order."""
        return [logged(row) for row in await self.database.fetch(READ)]

    async def count(self) -> int:
        """Return how many effects there are."""
        count: int = await self.database.fetch_value("SELECT count(*) FROM effects")
        return count

    async def reached(self, count: int) -> None:
        """Wait until there are so many effects."""

        async def enough() -> bool:
            return await self.count() >= count

        await until(enough)

    def in_order(self, seen: list[tuple[str, int]]) -> bool:
        """Whether each bell's numbers rise, where the carrier promises it."""
        return not self.stage.ordered or in_order(seen)

    async def settled(self) -> list[tuple[str, int]]:
        """Ring each bell a last time, wait until all have been heard, and return the effects but those of the last."""
        bells = sorted(self._bells)
        await self.ring(*((bell, LAST) for bell in bells))

        async def heard() -> bool:
            count = "SELECT count(DISTINCT bell) FROM effects WHERE number = $1"
            return bool(await self.database.fetch_value(count, LAST) == len(bells))

        await until(heard)
        if not self.stage.ordered:
            await until(lambda: self.database.fetch_value(HANDLED))
        seen = await effects(self.database)
        lasts = sorted(bell for bell, number in seen if number == LAST)
        assert lasts == bells
        return [(bell, number) for bell, number in seen if number != LAST]


HANDLED = f"""
SELECT (SELECT count(*) FROM engine.inbox WHERE claimed_until IS NULL) = (SELECT count(*) FROM engine.events)
AND NOT EXISTS (SELECT FROM engine.parked WHERE error = '{REASON}')
"""
"""Without order the last ring tells nothing of those before it; but who has no order to keep has an inbox. What is only
claimed there, or whose call is under way, has not had its effect yet."""


def in_order(seen: list[tuple[str, int]]) -> bool:
    """Whether each bell's numbers rise."""
    last: dict[str, int] = {}
    for bell, number in seen:
        if number <= last.get(bell, -1):
            return False
        last[bell] = number
    return True

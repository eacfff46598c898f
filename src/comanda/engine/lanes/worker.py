"""The worker: a process's lanes, its leases and its periodic work, under one start and stop."""

import asyncio
from collections.abc import Collection, Sequence

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.errors import SettingError
from comanda.engine.events.event import EventCatalogue
from comanda.engine.ids import Ids
from comanda.engine.lanes.consumer import Consumer, OutsideConsumer, Periodic
from comanda.engine.lanes.direct import DirectLane
from comanda.engine.lanes.lane import Lane
from comanda.engine.lanes.leases import Leases
from comanda.engine.lanes.outside import OutsideLane
from comanda.engine.lanes.periodic import PeriodicRunner
from comanda.engine.service import Loop


class Worker:
    """Runs the lanes of `consumers`, sharing their shards with the other workers.

    Promises: events of one key reach a consumer in order and take effect once; a stop finishes the batches under way
    and hands the leases over.

    Args:
        lease_s: see `Leases`.
        poll_s: see `Lane`.
        grace_s: how long a stop waits for batches under way before it cancels them.
    """

    def __init__(
        self,
        database: Database,
        catalogue: EventCatalogue,
        consumers: Sequence[Consumer],
        *,
        clock: Clock,
        ids: Ids,
        periodic: Sequence[Periodic] = (),
        lease_s: float = 10.0,
        look_s: float = 1.0,
        poll_s: float = 1.0,
        grace_s: float = 5.0,
    ) -> None:
        self.leases = Leases(
            database, [c.name for c in consumers], clock=clock, wake=self._wake, lease_s=lease_s, look_s=look_s
        )
        self.lanes: list[Lane] = [
            (OutsideLane if isinstance(c, OutsideConsumer) else DirectLane)(
                c, database=database, catalogue=catalogue, leases=self.leases, clock=clock, ids=ids, poll_s=poll_s
            )
            for c in consumers
        ]
        runner = PeriodicRunner(database, periodic, clock)
        self._loops = [Loop(f"lane {lane.name}", lane.run, grace_s=grace_s) for lane in self.lanes]
        self._loops.append(Loop("periodic work", runner.run, grace_s=grace_s))
        self._stopped = False

    def _wake(self) -> None:
        for lane in self.lanes:
            lane.wake()

    async def start(self) -> None:
        """Start looking for work. A database that does not answer yet is waited for."""
        if self._stopped:
            return
        await self.leases.start()
        for loop in self._loops:
            await loop.start()

    async def stop(self) -> None:
        """Finish the batches under way, hand the leases over, end."""
        self._stopped = True
        stopping = [asyncio.create_task(loop.stop()) for loop in self._loops]
        await asyncio.sleep(0)  # Lets each loop set its flag, before the lanes are woken to see it.
        self._wake()
        await asyncio.gather(*stopping)
        await self.leases.stop()


def chosen(consumers: Sequence[Consumer], lanes: Collection[str] | None) -> list[Consumer]:
    """Return the consumers whose lanes were asked for: by full name or by context; all where `lanes` is None.

    Raises `SettingError` for a name that fits none.
    """
    if lanes is None:
        return list(consumers)
    known = {c.name for c in consumers} | {c.name.partition(".")[0] for c in consumers}
    for lane in lanes:
        if lane not in known:
            raise SettingError(f"There is no lane {lane!r}; there are {', '.join(sorted(c.name for c in consumers))}.")
    return [c for c in consumers if c.name in lanes or c.name.partition(".")[0] in lanes]

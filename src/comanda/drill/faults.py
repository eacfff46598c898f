"""Striking: each fault of a plan is done to the system, and taken back when its time is over."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import msgspec
import structlog

from comanda.contexts.payments.sandbox.wire import Faults
from comanda.drill.errors import DrillError
from comanda.drill.plan import POSTGRES, PROVIDER_LINK, Fault, Kind
from comanda.drill.proxy import Proxy
from comanda.drill.system import System
from comanda.engine.clock import Clock

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 4
"""Faults under way at the same time; the next one waits."""

STRIKE_LIMIT_S = 180.0
"""A fault that is not over by then has found something that does not come back."""

SLOW_S = 0.4
"""How long a slow provider thinks about each charge."""


HELD = Faults(webhooks_held=True)

MISBEHAVIOUR: Mapping[Kind, Sequence[Faults]] = {
    "webhooks twice": (Faults(webhooks_twice=True),),
    # What is held first is there together, and can go out newest first.
    "webhooks out of order": (HELD, Faults(webhooks_out_of_order=True, webhooks_twice=True)),
    "webhooks held": (HELD,),
    "slow": (Faults(slow_s=SLOW_S),),
}
"""What the provider does wrong, one after the other."""


class Struck(msgspec.Struct, kw_only=True):
    """A fault that struck: when it began and when it was over."""

    fault: Fault
    at: datetime
    over_at: datetime | None = None

    @property
    def told(self) -> str:
        """What was done, for people."""
        fault = self.fault
        lasts = f" ({fault.lasts_s:.1f} s)" if fault.lasts_s else ""
        return f"fault {fault.number}: {fault.kind} {fault.target}{lasts}"


class Striker:
    """Strikes a system with the faults of a plan.

    Args:
        progress: a number that rises as orders are answered; the next fault waits for it, so that none strikes a
            system that has not been back to work since the one before, and at most `patience_s`.
        struck: told of each fault as it begins.

    Attributes:
        log: what struck so far.
    """

    def __init__(
        self,
        system: System,
        clock: Clock,
        *,
        progress: Callable[[], int],
        struck: Callable[[Struck], None],
        patience_s: float = 20.0,
    ) -> None:
        self._system = system
        self._clock = clock
        self._progress = progress
        self._told = struck
        self._patience_s = patience_s
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        # What the provider does wrong is one setting of it.
        self._provider_turn = asyncio.Lock()
        self.log: list[Struck] = []

    async def strike_all(self, faults: Sequence[Fault]) -> None:
        """Strike with all faults, and return when the last one is over."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await self._clock.sleep(fault.after_s)
                await self._work_goes_on()
                await self._room.acquire()
                group.create_task(self._strike(fault))

    async def _work_goes_on(self) -> None:
        before = self._progress()
        deadline = self._clock.monotonic() + self._patience_s
        while self._progress() == before and self._clock.monotonic() < deadline:
            await self._clock.sleep(0.02)

    async def _strike(self, fault: Fault) -> None:
        struck = Struck(fault=fault, at=self._clock.now())
        try:
            async with asyncio.timeout(STRIKE_LIMIT_S):
                await self._do(struck)
        except TimeoutError as error:
            raise DrillError(f"{struck.told} was not over after {STRIKE_LIMIT_S:.0f} s.") from error
        finally:
            struck.over_at = self._clock.now()
            self._room.release()

    def _begins(self, struck: Struck) -> None:
        struck.at = self._clock.now()
        self.log.append(struck)
        log.info("fault", number=struck.fault.number, kind=struck.fault.kind, target=struck.fault.target)
        self._told(struck)

    async def _do(self, struck: Struck) -> None:
        fault, system = struck.fault, self._system
        if fault.target == POSTGRES:
            await system.server.answers()
            self._begins(struck)
            await system.server.end(signal.SIGKILL if fault.kind == "kill" else signal.SIGQUIT)
        elif fault.target in system.links:
            self._begins(struck)
            async with self._hurt(system.links[fault.target], fault.kind):
                await self._clock.sleep(fault.lasts_s)
        elif fault.kind == "kill":
            await system.parts[fault.target].kill(fault.lasts_s, begins=lambda: self._begins(struck))
        elif fault.kind == "pause":
            await system.parts[fault.target].pause(fault.lasts_s, begins=lambda: self._begins(struck))
        elif fault.kind == "no word":
            await self._say_nothing(struck)
        else:
            await self._misbehave(struck, *MISBEHAVIOUR[fault.kind])

    @staticmethod
    def _hurt(link: Proxy, kind: Kind) -> AbstractAsyncContextManager[None]:
        return {
            "cut": link.cut_off,
            "stall": link.held_up,
            "half-close": link.half_closed,
            "lose answers": link.answerless,
        }[kind]()

    async def _say_nothing(self, struck: Struck) -> None:
        """Hold webhooks back, and lose answers in the first third: the next call comes before any webhook."""
        third_s = struck.fault.lasts_s / 3
        async with self._provider_turn:
            self._begins(struck)
            await self._system.misbehave(HELD)
            async with self._system.links[PROVIDER_LINK].answerless():
                await self._clock.sleep(third_s)
            await self._clock.sleep(2 * third_s)
            await self._system.misbehave(Faults())

    async def _misbehave(self, struck: Struck, *steps: Faults) -> None:
        async with self._provider_turn:
            self._begins(struck)
            for faults in steps:
                await self._system.misbehave(faults)
                await self._clock.sleep(struck.fault.lasts_s / len(steps))
            await self._system.misbehave(Faults())

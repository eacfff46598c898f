"""The limiter: asks the database, on behalf of all workers, who may begin.

The buckets of all workers are rows of `engine.rates`. A question locks those it needs in the order of their keys, takes
the time from the database's clock after the locks, decides in plain Python (`Round`) and commits; questions that come
while one is under way go together in the next. A permit is worth something for `slack_s` only, counted from before its
question: whoever comes later must ask again. An old permit cannot be handed back: the bucket may have filled up in the
meantime, as if it had never been granted, and would hold more than it may.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec
import structlog

from comanda.engine.clock import Clock
from comanda.engine.database.database import Database
from comanda.engine.grouping import Grouping
from comanda.engine.rates.granting import Answer, Granted, KeyWaits, LaneWaits, Round, Want
from comanda.engine.rates.rate import Rate
from comanda.engine.rates.stored_buckets import Buckets, StoredBuckets

log = structlog.get_logger(__name__)

LEAST_SLACK_S = 0.004
MOST_SLACK_S = 1.0
SLACK_GROWS = 1.5
SLACK_SHRINKS = 0.955
"""The slack follows how late calls begin: it grows with each that was too late and shrinks with each that was not, so
that it settles where one in ten is (1.5 ** 0.1 * 0.955 ** 0.9 = 1). A long slack costs burst, a short one permits."""

PATIENCE_S = 0.1
LANE_PATIENCE_S = 0.5
"""How long a call that is about to begin waits for a new permit, before its event is put off: for its key, and for the
lane, where nobody else would go before it."""

LEAST_WAIT_S = 0.002
"""The shortest time between two questions about one event."""

Waiting = KeyWaits | LaneWaits
"""What is answered instead of a permit."""


class Permit(msgspec.Struct, frozen=True):
    """Leave for one event to begin, soon.

    Attributes:
        buckets: the rates it was granted by.
        asked_at: when it was asked for, on this process's monotonic clock.
        slack_s: how long after that it holds.
    """

    buckets: Buckets
    asked_at: float
    slack_s: float


class Limiter:
    """The rates of one lane, as they hold over all workers of all machines.

    Promises: with `begin` awaited right before each call, calls begin within each rate, in any window, by the clock of
    the database; an event gets all the permits it needs or none; a process that dies loses no more permits than it had
    asked for. What happens between `begin` and the call (the operating system may stop a process anywhere) is not
    in our hands.

    Args:
        lane: the consumer's name.
        slack_s: how long a permit holds at first; see `LEAST_SLACK_S`.
    """

    def __init__(
        self, database: Database, lane: str, rates: Sequence[Rate], clock: Clock, *, slack_s: float = 0.01
    ) -> None:
        if len({(rate.name, rate.by is None) for rate in rates}) != len(rates):
            raise ValueError(f"{lane}: two rates of one kind need names of their own.")
        self._lane = lane
        self._stored = StoredBuckets(database, lane)
        self._rates = tuple(rates)
        self._clock = clock
        self._slack_s = slack_s
        self._grouping: Grouping[Sequence[Want], list[Permit | Waiting]] = Grouping(
            f"rates of {lane}", self._ask, most=64, side_by_side=1
        )

    async def start(self) -> None:
        """Begin to answer."""
        await self._grouping.start()

    async def stop(self) -> None:
        """Answer no more."""
        await self._grouping.stop()

    def buckets(self, event: Any) -> Buckets:
        """Return which buckets hold for `event`. Raises what a rate's `by` raises."""
        return tuple((rate, rate.bucket(event)) for rate in self._rates)

    async def acquire(self, wants: Sequence[Want]) -> list[Permit | Waiting]:
        """Return for each of `wants` a permit, or how long its key, or the lane, must wait. Raises `Unavailable`."""
        return await self._grouping.submit(wants)

    def fresh(self, permit: Permit) -> bool:
        """Whether the call that `permit` is for may begin now. If not, see `begin`."""
        return self._clock.monotonic() - permit.asked_at <= permit.slack_s

    async def begin(self, held: Sequence[Permit | Buckets], *, patient: bool = True) -> list[Waiting | None]:
        """Return None for each whose call may begin now, at once, with nothing awaited in between.

        Takes for each call its permit, or the buckets it needs where it has none. For a permit that is too old a new
        one is asked for; where that takes longer than `PATIENCE_S`, or the caller is not patient, how long to wait is
        returned.
        """
        asked_at = self._clock.monotonic()
        permits = [one if isinstance(one, Permit) else None for one in held]
        wants = [Want(one.buckets if isinstance(one, Permit) else one, waited=True) for one in held]
        told: list[Waiting | None] = [None] * len(held)
        while open_ := [n for n, each in enumerate(permits) if told[n] is None and not (each and self.fresh(each))]:
            pauses = []
            for n, answer in zip(open_, await self.acquire([wants[n] for n in open_]), strict=True):
                permits[n] = None
                if isinstance(answer, Permit):
                    permits[n] = answer
                    continue
                patience_s = PATIENCE_S if isinstance(answer, KeyWaits) else LANE_PATIENCE_S
                if not patient or self._clock.monotonic() + answer.wait_s > asked_at + patience_s:
                    told[n] = answer
                else:
                    pauses.append(answer.wait_s)
            self.learn(next((permit for permit in permits if permit is not None), None))
            if pauses:
                await self._clock.sleep(max(min(pauses), LEAST_WAIT_S))
        return told

    def learn(self, permit: Permit | None) -> None:
        """Learn from a permit whose call is about to begin how long the way there takes."""
        if permit is None:
            return
        age_s = self._clock.monotonic() - permit.asked_at
        if age_s > permit.slack_s:
            self._slack_s = min(MOST_SLACK_S, max(self._slack_s, permit.slack_s * SLACK_GROWS))
        else:
            self._slack_s = max(LEAST_SLACK_S, self._slack_s * SLACK_SHRINKS)

    async def slow_down(self, hit: Buckets, after_s: float | None = None) -> None:
        """Halve what is left of these rates, and grant nothing of them for `after_s`: the other side said so."""
        await self._stored.change(hit, 0.0, lambda granting: granting.slow_down(hit, after_s))
        log.warning("slowed down", lane=self._lane, rates=[name for _, name in hit], after_s=after_s)

    async def _ask(self, group: Sequence[Sequence[Want]]) -> Sequence[list[Permit | Waiting]]:
        asked_at = self._clock.monotonic()
        slack_s = self._slack_s
        wants = [want for one in group for want in one]
        answers: list[Answer] = []

        def work(granting: Round) -> None:
            answers[:] = granting.answer(wants)

        needed = tuple({name: (rate, name) for want in wants for rate, name in want.buckets}.values())
        if needed:
            await self._stored.change(needed, slack_s, work)
        else:
            answers = [Granted(slack_s)] * len(wants)
        told: list[Permit | Waiting] = [
            Permit(want.buckets, asked_at, answer.slack_s) if isinstance(answer, Granted) else answer
            for want, answer in zip(wants, answers, strict=True)
        ]
        one_by_one = iter(told)
        return [list(islice(one_by_one, len(one))) for one in group]

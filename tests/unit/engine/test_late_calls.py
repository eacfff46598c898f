"""Late calls whose end cannot be written down."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from comanda.engine.errors import Unavailable
from comanda.engine.lanes.errand import Errand
from comanda.engine.lanes.late_calls import LateCalls
from comanda.engine.lanes.source import LoggedEvent
from tests.fakes.clock import FakeClock

NOWHERE = cast("Any", None)
"""For parts that these calls must not come to."""


def rang(clock: FakeClock, number: int) -> Errand:
    """Return an errand as the lane hands it over."""
    return Errand(LoggedEvent(0, number, number, clock.now(), 1, "kitchen.Rang", f"key {number}", "{}"))


async def test_calls_that_end_in_the_same_moment_are_concluded_together(clock: FakeClock) -> None:
    """Eight calls that end at once take one transaction, not eight: the worker has other lanes."""
    concluded: list[list[int]] = []
    ended = asyncio.Event()

    async def conclude(errands: Sequence[Errand]) -> None:
        concluded.append([errand.event.id for errand in errands])

    async def call() -> None:
        await ended.wait()

    late = LateCalls(NOWHERE, NOWHERE, clock, conclude, most=1, hold_s=3.0)
    for number in range(8):
        late.add(rang(clock, number), asyncio.create_task(call()), put_off_at=clock.monotonic())
    ended.set()
    await late.room()
    assert concluded == [list(range(8))]


async def test_a_conclusion_that_fails_for_all_is_tried_for_each(clock: FakeClock) -> None:
    """One that cannot be concluded is told; its neighbours are concluded all the same."""
    concluded: list[int] = []

    async def conclude(errands: Sequence[Errand]) -> None:
        if any(errand.event.id == 2 for errand in errands):
            raise ValueError("two")
        concluded.extend(errand.event.id for errand in errands)

    async def call() -> None:
        return

    late = LateCalls(NOWHERE, NOWHERE, clock, conclude, most=1, hold_s=3.0)
    with capture_logs() as told:
        for number in range(4):
            late.add(rang(clock, number), asyncio.create_task(call()), put_off_at=clock.monotonic())
        await late.room()
    assert sorted(concluded) == [0, 1, 3]
    assert [line["event_id"] for line in told if "late call not concluded" in line["event"]] == [2]


@pytest.mark.parametrize("error", [Unavailable("The database does not answer."), ValueError("oh")])
async def test_a_late_call_that_cannot_be_concluded_is_told_with_its_event(clock: FakeClock, error: Exception) -> None:
    """It ends, leaves room for another, and the log names the event that will be tried again."""

    async def conclude(_: Sequence[Errand]) -> None:
        raise error

    async def call() -> None:
        return

    late = LateCalls(NOWHERE, NOWHERE, clock, conclude, most=1, hold_s=3.0)
    errand = rang(clock, 77)
    with capture_logs() as told:
        late.add(errand, asyncio.create_task(call()), put_off_at=clock.monotonic())
        await late.room()
    # What other parts of this process have to say at the same moment is none of this test's business.
    ours = [line for line in told if "late call not concluded" in line["event"]]
    assert [line["event_id"] for line in ours] == [77]

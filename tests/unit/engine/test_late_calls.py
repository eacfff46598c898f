"""Late calls whose end cannot be written down."""

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from comanda.engine.errors import Unavailable
from comanda.engine.lanes.errand import Errand
from comanda.engine.lanes.late_calls import LateCalls
from comanda.engine.lanes.source import LoggedEvent
from tests.fakes.clock import FakeClock


@pytest.mark.parametrize("error", [Unavailable("The database does not answer."), ValueError("oh")])
async def test_a_late_call_that_cannot_be_concluded_is_told_with_its_event(clock: FakeClock, error: Exception) -> None:
    """It ends, leaves room for another, and the log names the event that will be tried again."""

    async def conclude(_: Errand) -> None:
        raise error

    async def call() -> None:
        return

    nowhere = cast("Any", None)
    late = LateCalls(nowhere, nowhere, clock, conclude, most=1, hold_s=3.0)
    errand = Errand(LoggedEvent(0, 1, 77, clock.now(), 1, "kitchen.Rang", "key", "{}"))
    with capture_logs() as told:
        late.add(errand, asyncio.create_task(call()), put_off_at=clock.monotonic())
        await late.room()
    # What other parts of this process have to say at the same moment is none of this test's business.
    ours = [line for line in told if "late call not concluded" in line["event"]]
    assert [line["event_id"] for line in ours] == [77]

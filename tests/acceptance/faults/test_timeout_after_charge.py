"""The provider charges, and its answer never comes."""

import pytest

from comanda.contexts.payments.sandbox.wire import Faults
from tests.acceptance.crowd import Crowd
from tests.acceptance.system import System

pytestmark = pytest.mark.slow  # A time-out has to pass.

ORDERS = 20


async def test_no_answer_after_the_charge_and_no_webhook_either(system: System) -> None:
    """The retry under the same key is told of the first charge: nobody pays twice, and everybody gets the meal."""
    before = (await system.audited())["totals"]["charges"]
    await system.misbehave(Faults(timeout_after_charging="first", webhooks_held=True))
    async with Crowd(system, guests=0) as crowd:
        await crowd.place(ORDERS)
        await system.drained()
    await crowd.all_there_once()
    assert (await system.audited())["totals"]["charges"] == before + ORDERS

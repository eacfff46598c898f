"""What dies under load, and that all stays true: every order for which a guest got 201 is there, and happens once."""

import pytest

from comanda.contexts.payments.sandbox.wire import Faults
from tests.acceptance.crowd import Crowd
from tests.acceptance.system import HELPERS, System
from tests.acceptance.waiting import until

pytestmark = pytest.mark.slow  # Real processes are killed and started again, and a time-out has to pass.

PATIENCE_S = 60.0

ORDERS = 20
"""Orders whose charges get no answer: they share one time-out."""


async def test_a_web_process_is_killed_under_load(system: System) -> None:
    """Guests whose connections broke send their orders again under the same keys: each is made once."""
    async with Crowd(system) as crowd:
        await crowd.more(60)
        await system.kill("web-1")
        await crowd.more(60)
        await system.launch("web-1")
        await crowd.more(30)
    await system.drained()
    await crowd.all_there_once()
    await system.audited()


async def test_a_worker_is_killed_in_mid_batch(system: System) -> None:
    """Its successor charges what it had begun under the same keys, and sends no receipt twice."""
    await system.misbehave(Faults(slow_s=0.3))
    async with Crowd(system) as crowd:
        await until(lambda: _calls(system, 20), what="a batch of charges is under way", patience_s=PATIENCE_S)
        await system.kill("worker-1")
        await until(lambda: _calls(system, 5), what="the other worker goes on", patience_s=PATIENCE_S)
        await system.kill("worker-2")
        await system.launch("worker-1", "worker-2")
        await crowd.more(10)
    await system.misbehave()
    await system.drained()
    await crowd.all_there_once()
    await system.audited()


async def test_the_provider_is_killed_in_mid_charge(system: System) -> None:
    """What it had in its books is found there again, and what it had not is charged then: once each."""
    await system.misbehave(Faults(slow_s=0.2))
    async with Crowd(system, guests=4) as crowd:
        await until(lambda: _calls(system, 3), what="charges are under way", patience_s=PATIENCE_S)
        await system.kill("sandbox")
        await crowd.more(5)
        await system.launch(*HELPERS)
    await system.ready()
    await system.misbehave()
    await system.drained(patience_s=150.0)
    await crowd.all_there_once()
    await system.audited()


async def test_postgres_is_stopped_at_once_under_load(system: System) -> None:
    """Orders that were answered for are there after the recovery; those that were not are made by the retry, once."""
    async with Crowd(system) as crowd:
        await crowd.more(60)
        await system.postgres.stop_at_once()
        await crowd.disturbed()
        await system.postgres.start()
        await crowd.more(60)
    await system.drained()
    await crowd.all_there_once()
    await system.audited()


async def test_no_answer_after_the_charge_and_no_webhook_either(system: System) -> None:
    """The retry under the same key is told of the first charge: nobody pays twice, and everybody gets the meal."""
    before = (await system.audited())["totals"]["charges"]
    await system.misbehave(Faults(timeout_after_charging="first", webhooks_held=True))
    async with Crowd(system, guests=0) as crowd:
        await crowd.place(ORDERS)
        await system.drained()
    await crowd.all_there_once()
    assert (await system.audited())["totals"]["charges"] == before + ORDERS


async def _calls(system: System, count: int) -> bool:
    return await system.charges_under_way() >= count

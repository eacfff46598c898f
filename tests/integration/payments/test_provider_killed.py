"""The provider is killed in the middle of a charge: there is one charge, or none and then one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from comanda.contexts.payments.providers import NotFound
from comanda.contexts.payments.sandbox.wire import Faults
from comanda.engine.database import Database
from comanda.engine.errors import RetryLater
from tests.fakes.sandbox_process import SandboxProcess
from tests.fakes.webhook_catcher import WebhookCatcher
from tests.integration.payments.house import House
from tests.integration.payments.ledgers import money

pytestmark = pytest.mark.slow  # each starts the provider's process twice


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[SandboxProcess]:
    """A sandbox that the test may kill."""
    process = SandboxProcess(tmp_path)
    await process.start()
    yield process
    await process.stop()


@pytest.mark.parametrize("charged_before", [True, False])
async def test_a_provider_killed_in_the_middle_of_a_charge_charges_once(
    mortal: SandboxProcess, database: Database, *, charged_before: bool
) -> None:
    """Killed after its commit the charge is there and is found by its key; killed before, it is made by the retry."""
    await mortal.misbehave(Faults(timeout_after_charging="first") if charged_before else Faults(slow_s=60))
    provider = mortal.provider(timeout_s=30)
    house = House(database, provider)
    order = house.placed()
    work = await house.claim(order)
    call = asyncio.create_task(house.charging.perform(work))
    async with asyncio.timeout(10):
        if charged_before:
            while await provider.look_up_charge(work.query) == NotFound():  # noqa: ASYNC110 - another process's event
                await asyncio.sleep(0.01)
        else:
            while await mortal.under_way() == 0:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    await mortal.kill()
    with pytest.raises(RetryLater):
        await call
    await mortal.start()
    await mortal.misbehave()
    await house.handle(house.consumers[0], order)
    assert (await house.payment(order.order_id))["state"] == "captured"
    assert await house.facts(order.order_id) == ["PaymentCaptured"]
    assert await money(provider, work.payment_id) == [2000]
    await provider.stop()


async def test_a_webhook_outlives_its_provider(mortal: SandboxProcess, database: Database) -> None:
    """A webhook that could not be delivered before the kill is delivered by the next process."""
    await mortal.misbehave(Faults(webhooks_held=True))
    provider = mortal.provider()
    house = House(database, provider)
    work = await house.claim(house.placed())
    await house.charging.perform(work)
    await mortal.kill()
    await mortal.start()
    catcher = WebhookCatcher(refuse=1)
    await catcher.start()
    await mortal.send_webhooks_to(catcher.url)
    await mortal.misbehave()
    caught = await asyncio.wait_for(catcher.caught.get(), 20)
    event = provider.read_webhook(caught.body, caught.headers)
    assert event is not None
    assert event.subject == work.payment_id
    await catcher.stop()
    await provider.stop()

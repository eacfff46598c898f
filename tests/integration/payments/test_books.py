"""The sandbox's books: what was answered is on the disk, whatever kills the process."""

import asyncio
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from comanda.contexts.payments.providers import ChargeRequest, Succeeded
from comanda.engine.ids import RandomIds
from tests.fakes.sandbox_process import SandboxProcess


@pytest.mark.slow  # starts the provider's process twice, and charges for a while
async def test_every_charge_that_was_answered_survives_a_kill(tmp_path: Path) -> None:
    """Killed under load: no answered charge is missing, and none is there twice."""
    process = SandboxProcess(tmp_path)
    await process.start()
    provider = process.provider(timeout_s=5)
    ids = RandomIds()
    answered: dict[UUID, str] = {}
    enough = asyncio.Event()

    async def guest() -> None:
        while True:
            request = ChargeRequest(payment_id=ids.new(), order_id=ids.new(), amount=1, currency="EUR", method="")
            answer = await provider.charge(request)
            if not isinstance(answer, Succeeded):
                return
            answered[request.payment_id] = answer.ref
            if len(answered) >= 500:
                enough.set()

    guests = [asyncio.create_task(guest()) for _ in range(16)]
    await asyncio.wait_for(enough.wait(), 60)
    await process.kill()
    await asyncio.gather(*guests)
    await process.start()
    kept = [entry async for entry in provider.ledger()]
    assert set(answered.items()) <= {(entry.subject, entry.ref) for entry in kept}
    assert max(Counter(entry.subject for entry in kept).values()) == 1
    await provider.stop()
    await process.stop()

"""The sandbox's HTTP door: who is let in, and what bad input gets."""

import aiohttp
import pytest

from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.engine.clock import SystemClock
from comanda.engine.errors import Unavailable
from tests.fakes.sandbox_process import HEADERS, SandboxProcess

GOOD = {"payment_id": "p", "amount": 1, "currency": "EUR"}


@pytest.mark.parametrize("path", ["/v1/ledger", "/v1/ping", "/admin/faults", "/v1/charges?payment_id=x"])
async def test_nobody_is_let_in_without_the_secret(sandbox: SandboxProcess, path: str) -> None:
    """401 without it, and with another one."""
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer é"}):
        async with aiohttp.ClientSession() as session, session.get(sandbox.url + path, headers=headers) as answer:
            assert answer.status == 401


async def test_a_client_with_the_wrong_secret_is_told_by_its_ping(sandbox: SandboxProcess) -> None:
    """A wrong setting shows at once, and never as a failed payment."""
    provider = SandboxProvider(sandbox.url, secret_key="x", webhook_secret="w", clock=SystemClock())
    with pytest.raises(Unavailable, match="401"):
        await provider.ping()
    await provider.stop()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**GOOD, "amount": 0},
        {**GOOD, "amount": -5},
        {**GOOD, "amount": 10**30},
        {**GOOD, "amount": "one"},
        {**GOOD, "currency": "euro"},
        {**GOOD, "payment_id": "x" * 256},
        {**GOOD, "more": 1},
        [],
    ],
)
async def test_a_charge_that_makes_no_sense_is_refused(sandbox: SandboxProcess, body: object) -> None:
    """400, and nothing is charged."""
    headers = {**HEADERS, "idempotency-key": "nonsense"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{sandbox.url}/v1/charges", json=body, headers=headers) as answer,
    ):
        assert answer.status == 400


@pytest.mark.parametrize("key", [None, "", "x" * 256])
async def test_a_charge_without_a_key_is_refused(sandbox: SandboxProcess, key: str | None) -> None:
    """Without a key a retry could charge twice."""
    headers = HEADERS if key is None else {**HEADERS, "idempotency-key": key}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{sandbox.url}/v1/charges", json=GOOD, headers=headers) as answer,
    ):
        assert (answer.status, await answer.json()) == (400, {"error": "idempotency_key_needed"})

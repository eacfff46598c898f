"""The providers that the suite is run on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.contexts.payments.stripe_provider import StripeProvider
from comanda.engine.clock import SystemClock
from tests.fakes.localstripe_process import LocalStripeProcess
from tests.fakes.sandbox_process import SandboxProcess

Provider = SandboxProvider | StripeProvider


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A provider under test.

    Attributes:
        good, declined: payment methods that do that.
        elsewhere: makes a client of the same kind that talks to another address, with a short time-out.
        lacks: what the stand-in cannot do, and Stripe can.
    """

    provider: Provider
    good: str
    declined: str
    send_webhooks_to: Callable[[str], Awaitable[None]]
    elsewhere: Callable[[str], Provider]
    lacks: frozenset[str] = frozenset()


@pytest.fixture(scope="session")
async def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxProcess]:
    """The session's sandbox."""
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    await process.start()
    yield process
    await process.stop()


@pytest.fixture(scope="session")
async def localstripe_process() -> AsyncIterator[LocalStripeProcess]:
    """The session's localstripe."""
    process = LocalStripeProcess()
    await process.start()
    yield process
    await process.stop()


@pytest.fixture(params=["sandbox", "localstripe"])
async def subject(
    request: pytest.FixtureRequest, sandbox_process: SandboxProcess, localstripe_process: LocalStripeProcess
) -> AsyncIterator[Subject]:
    """Each provider in turn."""
    subject = _sandbox(sandbox_process) if request.param == "sandbox" else _localstripe(localstripe_process)
    yield subject
    await subject.provider.stop()


def _sandbox(process: SandboxProcess) -> Subject:
    def elsewhere(url: str) -> Provider:
        return SandboxProvider(url, secret_key="s", webhook_secret="w", clock=SystemClock(), timeout_s=0.2)

    return Subject(
        provider=process.provider(),
        good="4242424242424242",
        declined="4000000000000002",
        send_webhooks_to=process.send_webhooks_to,
        elsewhere=elsewhere,
    )


def _localstripe(process: LocalStripeProcess) -> Subject:
    def elsewhere(url: str) -> Provider:
        return StripeProvider(secret_key="sk_s", webhook_secret="w", base_url=url, timeout_s=0.2)

    return Subject(
        provider=process.provider(),
        good="pm_card_visa",
        # Its pm_card_visa_chargeDeclined is declined only when it is attached to a customer.
        declined="pm_card_chargeCustomerFail",
        send_webhooks_to=process.send_webhooks_to,
        elsewhere=elsewhere,
        lacks=frozenset({"refunds stay within the charge", "webhooks about refunds"}),
    )

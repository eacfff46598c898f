"""A sandbox that behaves, for each test."""

from collections.abc import AsyncIterator

import pytest

from comanda.contexts.payments.sandbox_provider import SandboxProvider
from comanda.engine.database import Database
from tests.fakes.sandbox_process import SandboxProcess
from tests.integration.payments.house import House

TIMEOUT_S = 1.0
"""A client that gives up soon, so that a time-out is a short test."""


@pytest.fixture(scope="session")
async def session_sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxProcess]:
    """The session's sandbox."""
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def sandbox(session_sandbox: SandboxProcess) -> AsyncIterator[SandboxProcess]:
    """A sandbox without faults, that sends no webhooks but when the test says so."""
    yield session_sandbox
    await session_sandbox.misbehave()
    await session_sandbox.send_webhooks_to("http://127.0.0.1:1/nobody")


@pytest.fixture
async def provider(sandbox: SandboxProcess) -> AsyncIterator[SandboxProvider]:
    """A client of the sandbox."""
    provider = sandbox.provider(timeout_s=TIMEOUT_S)
    yield provider
    await provider.stop()


@pytest.fixture
def house(database: Database, provider: SandboxProvider) -> House:
    """Payments, with the sandbox."""
    return House(database, provider)

"""PostgreSQL is stopped at once: nothing was accepted that is not stored."""

import pytest

from tests.acceptance.crowd import Crowd
from tests.acceptance.system import System

pytestmark = pytest.mark.slow  # A real server is stopped and recovers.


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

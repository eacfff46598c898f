"""One system for all faults: each test leaves it whole."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.system import System, healed


@pytest.fixture(scope="module")
async def whole_system() -> AsyncIterator[System]:
    """The system, made once for all tests of faults and ended with the last of them."""
    # Outside pytest's own folder, which another run of pytest would close to the database server's user.
    with tempfile.TemporaryDirectory(prefix="comanda-faults-") as folder:
        async with System(Path(folder)) as system:
            yield system


@pytest.fixture
async def system(whole_system: System) -> AsyncIterator[System]:
    """The system; what the test has killed runs again afterwards."""
    async with healed(whole_system):
        yield whole_system

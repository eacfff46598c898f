"""A drained house for each test, a copy of one that is made once."""

from collections.abc import AsyncIterator

import pytest

from comanda.engine.database.embedded import EmbeddedPostgres
from tests.integration.audit.scene import Scene, Scenes


@pytest.fixture(scope="session")
async def scenes(postgres: EmbeddedPostgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """What copies the scene."""
    scenes = Scenes(postgres, tmp_path_factory.mktemp("audit"))
    await scenes.make(template)
    return scenes


@pytest.fixture
async def scene(scenes: Scenes) -> AsyncIterator[Scene]:
    """A copy of the scene."""
    async with scenes.copy() as copy:
        yield copy

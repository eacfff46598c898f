"""Folders for whole boxes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory outside pytest's own folder, which another run of pytest would close to the server's user."""
    with tempfile.TemporaryDirectory(prefix="comanda-box-") as folder:
        yield Path(folder, "data")

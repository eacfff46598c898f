from pathlib import Path

import pytest

from comanda.engine.database.cluster import explained
from comanda.engine.database.server_settings import MEBIBYTE, as_file, box_settings
from comanda.engine.errors import SettingError, Unavailable

PGDATA = Path("/data/postgres")


@pytest.mark.parametrize(
    ("told", "kind", "sentence"),
    [
        (
            'initdb: error: could not write to file "x": No space left on device',
            Unavailable,
            "The disk that holds /data/postgres is full",
        ),
        ("FATAL: could not extend file: wrote only 4096 of 8192 bytes\nPANIC: x", Unavailable, "is full"),
        ('LOG: could not bind IPv4 address "127.0.0.1": Address already in use', SettingError, "choose another"),
        ('FATAL: could not open file "x": Permission denied', SettingError, "cannot be written to"),
        ("LOG: a\nFATAL:  data directory is broken\nLOG: end", Unavailable, "FATAL:  data directory is broken"),
        ("", Unavailable, "it said nothing"),
    ],
)
def test_what_postgresql_complains_of_is_told_in_one_sentence(told: str, kind: type, sentence: str) -> None:
    """An operator learns what to do, not what PostgreSQL's log looks like."""
    error = explained(told, PGDATA)
    assert type(error) is kind
    assert sentence in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(("memory_mib", "shared"), [(512, "128MB"), (8192, "1024MB"), (262144, "2048MB")])
def test_memory_decides_the_buffers_within_bounds(memory_mib: int, shared: str) -> None:
    """A small box keeps room for the rest; a big one does not give everything to buffers."""
    settings = box_settings(memory_mib * MEBIBYTE)
    assert settings["shared_buffers"] == shared
    assert "fsync" not in settings


def test_values_are_quoted_as_postgresql_reads_them() -> None:
    """A quote in a value stays a quote."""
    assert as_file({"log_line_prefix": "it's "}).endswith("log_line_prefix = 'it''s '\n")

"""The command `comanda drill` as an operator has it: of a program that is broken, and interrupted."""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from comanda.drill.plan import FIRST

pytestmark = pytest.mark.slow  # A whole system of real processes is started and hurt, twice.

SOURCES = Path(__file__).parents[2] / "src"

WITH_KEY = '"idempotency-key": str(key)'
WITH_ANOTHER_EACH_TIME = '"idempotency-key": str(self._clock.monotonic())'

NO_WORD_SEED = "31"
"""Its plan keeps the provider silent for eight seconds, early and with the database up."""

PATIENCE_S = 60


def test_a_provider_called_without_its_key_is_found(tmp_path: Path) -> None:
    """With the key taken out of the program, the same faults double charges: exit status 1, the seed and the story."""
    sources = tmp_path / "src"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    provider = sources / "comanda/contexts/payments/sandbox_provider.py"
    told = provider.read_text()
    assert told.count(WITH_KEY) == 1
    provider.write_text(told.replace(WITH_KEY, WITH_ANOTHER_EACH_TIME))
    with tempfile.TemporaryDirectory(prefix="comanda-drill-test-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "comanda", "drill", "--faults", str(len(FIRST)), "--seed", NO_WORD_SEED],
            check=False,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": folder, "PYTHONPATH": str(sources)},
        )
        kept = list(Path(folder).iterdir())
        assert done.returncode == 1, done.stderr
        assert "was charged 2 times" in done.stdout
        assert f"comanda drill --seed {NO_WORD_SEED} --faults {len(FIRST)}" in done.stdout
        assert re.search(r"\d\d:\d\d:\d\d\.\d{6} ledger    charge ch_", done.stdout)
        assert len(kept) == 1
        assert str(kept[0]) in done.stdout


def test_an_interrupted_drill_leaves_nothing_behind() -> None:
    """Ctrl-C ends every process and removes the folder; nothing was counted, and the exit status says so."""
    with tempfile.TemporaryDirectory(prefix="comanda-drill-test-") as folder:
        drill = subprocess.Popen(
            [sys.executable, "-m", "comanda", "drill", "--faults", "100", "--seed", "1"],
            env={"PATH": "/usr/bin:/bin", "TMPDIR": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert drill.stderr is not None
        with drill.stderr:
            assert "fault 1: " in drill.stderr.readline()
            processes = psutil.Process(drill.pid).children(recursive=True)
            drill.send_signal(signal.SIGINT)
            told = drill.stderr.read()
        assert drill.wait(PATIENCE_S) == 130, told
        assert "nothing was counted" in told
        _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
        assert (len(processes) > 8, alive) == (True, [])
        assert list(Path(folder).iterdir()) == []

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPPED_TEST = """
import pytest

def test_with_a_server():
    pytest.skip("the server is not installed")
"""

SKIPPED_MODULE = """
import pytest

pytest.importorskip("a_client_that_nobody_has")
"""


def _outcome(folder: Path, source: str, **environ: str) -> tuple[int, str]:
    (folder / "test_planted.py").write_text(source)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.plugins.no_skips", "-p", "no:cacheprovider", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "CI"}
        | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        | environ,
    )
    return run.returncode, run.stdout


@pytest.mark.parametrize(
    ("source", "reason"), [(SKIPPED_TEST, "the server is not installed"), (SKIPPED_MODULE, "a_client_that_nobody_has")]
)
def test_what_would_be_skipped_fails_in_ci(tmp_path: Path, source: str, reason: str) -> None:
    """A missing server is a skipped test on a laptop and a failed one in CI, with its reason."""
    status, told = _outcome(tmp_path, source, CI="1")
    assert status != 0
    assert "nothing is skipped" in told
    assert reason in told
    on_a_laptop, _ = _outcome(tmp_path, source)
    assert on_a_laptop in {0, 5}

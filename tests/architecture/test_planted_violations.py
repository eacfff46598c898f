import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

PLANTED_IMPORTS = [
    ("floors", "engine/clock.py", "import comanda.contracts.kitchen"),
    ("floors", "contexts/catalog/hours.py", "import comanda.settings\nimport comanda.processes.ports"),
    ("floors", "contracts/kitchen.py", "from comanda.contexts.kitchen import model"),
    ("independence", "contexts/kitchen/model.py", "from comanda.contexts.payments import states"),
    ("independence", "contexts/ordering/service.py", "import comanda.contexts.catalog.model"),
    ("furniture", "contexts/payments/store.py", "import comanda.contexts.payments.service"),
    ("furniture", "contexts/payments/service.py", "import comanda.contexts.payments.api"),
    ("furniture", "contexts/payments/model.py", "import comanda.contexts.payments.store"),
    ("acyclic", "engine/ids.py", "import comanda.engine.lanes"),
    (
        "acyclic",
        "engine/ids.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from comanda.engine.lanes import Consumer",
    ),
    ("acyclic", "engine/ids.py", "def dodge() -> None:\n    import comanda.engine.lanes"),
    ("pure", "contexts/ordering/prices.py", "import asyncpg"),
    ("pure", "contexts/catalog/model.py", "import random"),
    ("frame", "engine/service.py", "import jinja2"),
]

PLANTED_CALLS = [
    ("TID251", "import time\n\nNOW = time.time()\n"),
    ("TID251", "import time\n\ntime.sleep(1)\n"),
    ("TID251", "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n"),
    ("TID251", "import uuid\n\nNEW = uuid.uuid4()\n"),
    ("TID251", "import random\n\nCHANCE = random.random()\n"),
    ("PLC0415", "def late() -> None:\n    import comanda\n"),
    ("BLE001", "try:\n    pass\nexcept Exception:\n    pass\n"),
    ("D103", "def told_nothing() -> None: ...\n"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources in which a violation can be planted."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _run(tree: Path, *command: str) -> tuple[int, str]:
    run = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        check=False,
        capture_output=True,
        text=True,
        cwd=tree,
        env={"PYTHONPATH": str(tree / "src"), "PATH": "/usr/bin:/bin"},
    )
    return run.returncode, run.stdout + run.stderr


def _contract(tree: Path, name: str) -> tuple[int, str]:
    return _run(tree, "lint-imports", "--no-cache", "--no-logo", "--contract", name)


def test_the_house_keeps_its_own_rules() -> None:
    """All contracts hold as the code stands, so that a broken one below is the planted violation's doing."""
    status, told = _run(ROOT, "lint-imports", "--no-cache", "--no-logo")
    assert status == 0, told


@pytest.mark.parametrize(("contract", "file", "planted"), PLANTED_IMPORTS)
def test_a_planted_import_breaks_its_contract(tree: Path, contract: str, file: str, planted: str) -> None:
    """Each contract can fail: on a wrong import, one for types alone, and one hidden in a function."""
    path = tree / "src" / "comanda" / file
    assert path.exists()
    path.write_text(path.read_text() + "\n" + planted + "\n")
    status, told = _contract(tree, contract)
    assert status == 1, told
    assert "1 broken" in told


@pytest.mark.parametrize(("rule", "planted"), PLANTED_CALLS)
def test_ruff_finds_a_planted_call(tree: Path, rule: str, planted: str) -> None:
    """Time, chance and ids are taken from nowhere but the ports, imports stand at the top, errors are not swallowed."""
    (tree / "src" / "comanda" / "planted.py").write_text('"""Planted."""\n\n' + planted)
    status, told = _run(tree, "ruff", "check", "--no-cache", "--output-format=concise", "src/comanda/planted.py")
    assert status == 1, told
    assert rule in told


def test_mypy_finds_a_planted_hole(tree: Path) -> None:
    """An untyped function and a wrong type do not pass."""
    planted = tree / "src" / "comanda" / "planted.py"
    planted.write_text("def untyped(value):\n    return value\n\n\nNUMBER: int = 'one'\n")
    status, told = _run(tree, "mypy", "--cache-dir=/dev/null", "--follow-imports=silent", str(planted))
    assert status == 1, told
    assert "no-untyped-def" in told
    assert "assignment" in told

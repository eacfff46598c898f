"""The README tells the settings that there are."""

import inspect
import re
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec

from comanda.settings import Settings

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"<!-- settings -->\n(.*)<!-- /settings -->", re.DOTALL)


def table() -> str:
    """Return the table of all settings, out of their declaration and its docstring."""
    docstring = inspect.getdoc(Settings) or ""
    told = {
        name: " ".join(text.split())
        for name, text in re.findall(
            r"^    (\w+(?:, \w+)*): (.*?)(?=^    \w+(?:, \w+)*: |\Z)", docstring, re.DOTALL | re.MULTILINE
        )
    }
    hints = get_type_hints(Settings, include_extras=True)
    lines = ["| variable | default | what it is | what to write |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(Settings):
        default = field.default
        hint = hints[field.name]
        meta = next((m for m in get_args(hint) if isinstance(m, msgspec.Meta)), None)
        assert get_origin(hint) is Annotated, f"{field.name} says not what to write"
        assert meta is not None, f"{field.name} says not what to write"
        shown = f"`{default}`" if str(default) else "—"
        lines.append(f"| `COMANDA_{field.name.upper()}` | {shown} | {told[field.name]} | {meta.description} |")
    return "\n".join(lines) + "\n"


def test_the_readme_lists_every_setting() -> None:
    """Between its two marks stands the table that the declaration makes."""
    found = BLOCK.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == table(), f"Put this between the marks:\n{table()}"


def test_a_setting_that_is_missing_is_seen() -> None:
    """Planted: a table without one of its rows is not the table."""
    rows = table().splitlines(keepends=True)
    assert "".join(rows[:-1]) != table()

"""Links between the papers, and from them into the code, lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PAPERS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")

DECISION = re.compile(r"docs/decisions/(\d{4})")


def broken(page: Path, text: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    return [link for link in LINK.findall(text) if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAPERS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a paper is a file of the repository."""
    assert broken(page, page.read_text(encoding="utf-8")) == []


def test_a_planted_broken_link_is_found() -> None:
    """A link to a page that is not there does not pass; one to elsewhere in the world is not looked at."""
    assert broken(ROOT / "README.md", "[a](docs/nothing.md) [b](https://example.org/x) [c](docs/README.md#x)") == [
        "docs/nothing.md"
    ]


def test_decisions_that_the_code_names_are_written() -> None:
    """A comment that says where the reason stands is right about it."""
    numbers = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}
    named = {
        (number, str(file.relative_to(ROOT)))
        for file in (ROOT / "src").rglob("*.py")
        for number in DECISION.findall(file.read_text(encoding="utf-8"))
    }
    assert [place for place in sorted(named) if place[0] not in numbers] == []

"""A campaign as a file: the documentation's example is one, and what is wrong is told."""

import re
from pathlib import Path
from uuid import UUID

import pytest

from comanda.contexts.campaigns.campaign_toml import MOST_BYTES, read_campaign
from comanda.contexts.campaigns.drafting import gaps_in, written_of
from comanda.engine.errors import Refused

PAGE = Path(__file__).parents[3] / "docs" / "campaigns.md"


def example() -> str:
    """Return the file that the documentation shows."""
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_documentations_example_can_be_started() -> None:
    """Every fault and every gap would be told here."""
    file = read_campaign(example().encode())
    written = written_of(file.draft(None))
    assert gaps_in(written) == []
    assert len(written.document["subjects"]) == 2
    assert file.send_at is not None
    assert file.send_at.tzinfo is None


def test_an_audience_is_named_or_described() -> None:
    """Not both at once."""
    file = read_campaign(example().encode())
    with pytest.raises(Refused):
        written_of(file.draft(UUID(int=1)))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name = ", "not TOML"),
        (b"\xff", "not TOML"),
        (b'subject = "no name"', "name"),
        (b'name = "x"\nstate = "sending"', "state"),
        (b'name = "x"\npolicy = "maybe"', "policy"),
        (b"#" * (MOST_BYTES + 1), "megabyte"),
    ],
)
def test_a_bad_file_is_told(content: bytes, told: str) -> None:
    """With a sentence that says where."""
    with pytest.raises(Refused) as refused:
        read_campaign(content)
    assert told in refused.value.message


def test_a_bad_block_is_told_with_its_place() -> None:
    """A kind of block that there is not, and a merge field that nobody knows."""
    odd = read_campaign(b'name = "x"\n[[block]]\ntype = "script"')
    with pytest.raises(Refused, match="script"):
        odd.draft(None)
    unknown = read_campaign(b'name = "x"\n[[block]]\ntype = "text"\ntext = "{{ nick }}"')
    with pytest.raises(Refused) as refused:
        written_of(unknown.draft(None))
    assert refused.value.fields[0].path == "document.blocks.0.text"

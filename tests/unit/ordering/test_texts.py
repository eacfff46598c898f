"""What people type: whole where it does no harm, refused where it hides something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.ordering.texts import clean_text, folded
from comanda.engine.errors import FieldError


@pytest.mark.parametrize("text", ["Zoë", "王小明", "👩‍👩‍👧 family", "O'Neill-Åström", "a\tb"])
def test_names_of_all_peoples_come_through(text: str) -> None:
    """Letters of any script, emoji and their joiners are what they are."""
    errors: list[FieldError] = []
    assert clean_text(text, "name", errors) == " ".join(text.split())
    assert errors == []


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\x7f"])
def test_what_cannot_be_seen_is_refused_with_its_field(bad: str) -> None:
    """Control characters, bidi marks and lone surrogates are told, not silently dropped."""
    errors: list[FieldError] = []
    clean_text(f"Ann{bad}Lee", "customer.name", errors)
    assert [error.path for error in errors] == ["customer.name"]


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    """What is folded once is folded for good, and case makes no difference."""
    assert folded(folded(text)) == folded(text)


def test_lines_stay_lines_where_they_may() -> None:
    """A note keeps its line breaks, a name does not."""
    assert clean_text("ring  twice \n  please\n", "note", [], lines=True) == "ring twice\nplease"
    assert clean_text("Ann\nLee", "name", []) == "Ann Lee"

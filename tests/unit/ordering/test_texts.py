"""What people type: whole where it does no harm, refused where it hides something."""

import email_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.ordering.texts import clean_text, folded
from comanda.contracts.contact import clean_email, clean_phone
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


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        (" Ann.Lee+x@Example.COM ", "ann.lee+x@example.com"),
        ("ann@bücher.example", "ann@bücher.example"),
        ("j\u00f6rg@example.com", "j\u00f6rg@example.com"),
        ("ann@example", None),
        ("ann..lee@example.com", None),
        (".ann@example.com", None),
        ("ann@", None),
        ("@example.com", None),
        ("", None),
        ("ann lee@example.com", None),
        ("ann@exam ple.com", None),
        ("ann@example.com\n.evil", None),
        ("a@" + "b" * 250 + ".com", None),
    ],
)
def test_addresses_have_one_form_or_none(typed: str, known: str | None) -> None:
    """The quick way by the domain and the library's whole way agree on what an address is."""
    assert clean_email(typed) == known


@given(st.from_regex(r"[A-Za-z0-9_+.\-]{1,70}@[a-z.\-]{1,20}", fullmatch=True))
def test_the_quick_way_is_the_librarys(typed: str) -> None:
    """Whatever the library says of the whole address is what we say."""
    try:
        expected = email_validator.validate_email(typed, check_deliverability=False).normalized.lower()
    except email_validator.EmailNotValidError:
        expected = None
    assert clean_email(typed) == expected


@pytest.mark.parametrize(
    ("typed", "country", "known"),
    [
        ("06 6982 1234", "IT", "+390669821234"),
        ("+1 (415) 555-2671", "IT", "+14155552671"),
        ("", "IT", ""),
        ("123", "IT", None),
        ("call me", "IT", None),
        ("+999 123456789", "IT", None),
        ("1" * 40, "US", None),
    ],
)
def test_phones_have_one_form_or_none(typed: str, country: str, known: str | None) -> None:
    """Numbers come out in E.164; none at all is allowed; what cannot be one is not."""
    assert clean_phone(typed, country) == known

"""Addresses and numbers have one form each, wherever they come from, and a customer's id follows from it."""

from uuid import UUID

import email_validator
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contracts.contact import clean_email, clean_phone
from comanda.contracts.customers import customer_id
from comanda.engine.idempotency import Seals


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


@given(
    code=st.sampled_from(["1", "7", "39", "44", "49", "54", "55", "61", "351", "378", "423", "800", "52", "36", "999"]),
    number=st.from_regex(r"[0-9]{3,15}", fullmatch=True),
    gap=st.sampled_from(["", " ", "-", " (", ".", "/"]),
    country=st.sampled_from(["US", "DE"]),
)
def test_the_quick_way_for_numbers_is_the_librarys(code: str, number: str, gap: str, country: str) -> None:
    """A number that is written in full is taken or not as parsing it would have it."""
    typed = f"+{code}{gap}{number}"
    try:
        parsed = phonenumbers.parse(typed, country)
        possible = phonenumbers.is_possible_number(parsed)
    except phonenumbers.NumberParseException:
        possible = False
    expected = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if possible else None
    assert clean_phone(typed, country) == expected


def test_an_id_follows_from_secret_restaurant_and_address() -> None:
    """The id of an address is the same each time, and another where any of the three is another."""
    seals, others = Seals(b"a" * 32), Seals(b"b" * 32)
    first = customer_id(seals, UUID(int=1), "ann@example.com")
    assert first == customer_id(Seals(b"a" * 32), UUID(int=1), "ann@example.com")
    elsewhere = {
        customer_id(others, UUID(int=1), "ann@example.com"),
        customer_id(seals, UUID(int=2), "ann@example.com"),
        customer_id(seals, UUID(int=1), "bob@example.com"),
    }
    assert len(elsewhere - {first}) == 3
    assert str(first) == "8636094c-f796-ae79-789f-dd305d5aef73"

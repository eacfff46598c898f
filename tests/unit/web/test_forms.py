"""Forms, whatever is sent as one."""

import contextlib
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import Refused
from comanda.web.forms import MAX_FIELDS, MAX_VALUE_LENGTH, Form, parse_form


def test_fields_keep_their_order_and_repeat() -> None:
    """A name may stand there more than once; values lose the white space around them, secrets do not."""
    form = parse_form(b"name=+Ana+&option=b&option=a&note=one%0D%0Atwo&password=+x+&empty=")
    assert form.one("name") == "Ana"
    assert form.every("option") == ["b", "a"]
    assert form.one("note") == "one\ntwo"
    assert form.secret("password") == " x "
    assert ("empty" in form, "missing" in form) == (True, False)
    assert form.one("missing", "default") == "default"


@pytest.mark.parametrize(
    "body", [b"name=%ff", b"name=%ED%A0%80", b"\xff=1", b"na%00me=1", b"&".join([b"a=1"] * (MAX_FIELDS + 1))]
)
def test_what_cannot_be_read_is_malformed(body: bytes) -> None:
    """Broken UTF-8, lone surrogates, raw bytes, NUL in names and floods of fields are refused."""
    with pytest.raises(Refused) as caught:
        parse_form(body)
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("value", ["a\0b", "x" * (MAX_VALUE_LENGTH + 1)])
def test_a_bad_value_is_refused_with_its_field(value: str) -> None:
    """NUL and overlong values name the field."""
    with pytest.raises(Refused) as caught:
        parse_form(urlencode({"note": value}).encode())
    assert caught.value.kind == "invalid"
    assert [field.path for field in caught.value.fields] == ["note"]


@pytest.mark.parametrize("text", ["", "x", "1.5", "²", "٣", "--1", "1" * 19, "1e3", "-"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    """Only ASCII digits that fit into 64 bits are a number."""
    with pytest.raises(Refused):
        Form([("quantity", text)]).integer("quantity")


def test_whole_numbers_and_their_default() -> None:
    """A missing number is its default; a sign is understood."""
    assert Form([("n", " -12 ")]).integer("n") == -12
    assert Form().integer("n", 3) == 3


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_a_refusal(body: bytes) -> None:
    """No input raises anything but Refused."""
    with contextlib.suppress(Refused):
        parse_form(body)

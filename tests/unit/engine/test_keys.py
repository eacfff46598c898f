"""The Idempotency-Key header: quoted and bare, and what is neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import Refused
from comanda.engine.idempotency import parse_key
from comanda.engine.idempotency.keys import MAX_KEY

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)


@given(VISIBLE.filter(lambda key: len(key) <= MAX_KEY))
def test_bare_and_quoted_are_the_same_key(key: str) -> None:
    """RFC 9651's string and the bare form that most clients send name the same intent."""
    assert parse_key(key) == parse_key(f'"{key}"') == parse_key(f'  "{key}" ') == key


def test_escapes_are_read() -> None:
    """A quote and a backslash within quotes are themselves."""
    assert parse_key(r'"a\"b\\c"') == r'a"b\c'


def test_no_header_is_no_key() -> None:
    """A caller may leave it out."""
    assert parse_key(None) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '""',
        '"  "',
        '"',
        '"a',
        'a"',
        '"a"b',
        "a b",
        "ключ",
        "a\x00b",
        '"a\x7fb"',
        "x" * 256,
        f'"{"x" * 256}"',
        '"\\x"',
    ],
)
def test_what_is_no_key_is_malformed(header: str) -> None:
    """Empty, too long, half-quoted or invisible: 400, and nothing is done."""
    with pytest.raises(Refused) as caught:
        parse_key(header)
    assert (caught.value.kind, caught.value.code) == ("malformed", "idempotency-key-malformed")


def test_the_longest_key_is_taken() -> None:
    """255 characters are a key, 256 are not."""
    assert parse_key("k" * 255) == "k" * 255

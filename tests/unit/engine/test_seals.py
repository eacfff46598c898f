"""Keyed hashes and sealed tokens: nothing opens for another purpose, binding or secret."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.idempotency import Seals

SECRET = b"s" * 32
SEALS = Seals(SECRET)


@given(content=st.binary(max_size=64), bound=st.binary(max_size=32))
def test_a_token_gives_its_content_back(content: bytes, bound: bytes) -> None:
    """Whoever made it can open it, with the same binding."""
    token = SEALS.token("p", content, bound_to=bound)
    assert SEALS.open("p", token, bound_to=bound) == content


@given(content=st.binary(min_size=1, max_size=64), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_changed_token_opens_nothing(content: bytes, place: int, bit: int) -> None:
    """One flipped bit, anywhere, and it is no token of ours."""
    raw = bytearray(base64.urlsafe_b64decode(SEALS.token("p", content) + "=="))
    raw[place % len(raw)] ^= 1 << bit
    changed = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    assert SEALS.open("p", changed) is None


def test_purpose_binding_and_secret_count() -> None:
    """A token is for one purpose, one binding, one installation."""
    token = SEALS.token("p", b"content", bound_to=b"b")
    assert SEALS.open("q", token, bound_to=b"b") is None
    assert SEALS.open("p", token, bound_to=b"c") is None
    assert Seals(b"t" * 32).open("p", token, bound_to=b"b") is None


@given(st.text())
def test_whatever_is_sent_as_a_token_is_refused_quietly(text: str) -> None:
    """No text makes opening fail with an error."""
    assert SEALS.open("p", text) is None


def test_a_short_secret_is_refused() -> None:
    """A secret that can be guessed is none."""
    with pytest.raises(ValueError, match="32 bytes"):
        Seals(b"short")

"""Signed values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.web.signing import Signer

SECRET = b"sixteen bytes or more"


@given(st.binary(max_size=300))
def test_what_was_signed_is_read_again(value: bytes) -> None:
    """Any value comes back as it went, in characters that a cookie may hold."""
    signer = Signer(SECRET, "cart")
    text = signer.sign(value)
    assert signer.read(text) == value
    assert text.replace("-", "").replace("_", "").replace(".", "").isalnum()


def test_what_was_changed_or_signed_for_something_else_is_not_read() -> None:
    """A changed value, a cut signature, another purpose and another secret are all refused."""
    text = Signer(SECRET, "cart").sign(b"two soups")
    other = Signer(SECRET, "cart").sign(b"two steaks")
    mixed = other.partition(".")[0] + "." + text.partition(".")[2]
    for bad in (mixed, text[:-1], text.partition(".")[0], "", ".", "é.é", "a.b", text + "\ud800"):
        assert Signer(SECRET, "cart").read(bad) is None
    assert Signer(SECRET, "confirm").read(text) is None
    assert Signer(SECRET + b"!", "cart").read(text) is None


def test_a_short_secret_is_refused() -> None:
    """A guessable secret does not start."""
    with pytest.raises(ValueError, match="16 bytes"):
        Signer(b"short", "cart")

"""Signatures of the sandbox's webhooks."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.payments.sandbox.signature import TOLERANCE_S, holds, sign

NOW_S = 1_750_000_000.0


@given(st.binary(), st.text(min_size=1))
def test_what_was_signed_holds(body: bytes, secret: str) -> None:
    """A signature holds for its body and its secret."""
    assert holds(secret, body, sign(secret, body, now_s=NOW_S), now_s=NOW_S + 1)


@given(st.binary(), st.binary(min_size=1))
def test_a_longer_body_does_not_hold(body: bytes, more: bytes) -> None:
    """Another body has another signature."""
    assert not holds("s", body + more, sign("s", body, now_s=NOW_S), now_s=NOW_S)


@pytest.mark.parametrize("late_s", [TOLERANCE_S + 1, -TOLERANCE_S - 1])
def test_an_old_or_future_signature_does_not_hold(late_s: float) -> None:
    """A delivery that somebody recorded is worth nothing later."""
    assert not holds("s", b"{}", sign("s", b"{}", now_s=NOW_S), now_s=NOW_S + late_s)


def test_the_scheme_is_stripes() -> None:
    """HMAC-SHA256 of the time, a dot and the body, in hexadecimal."""
    digest = hmac.new(b"s", b"1750000000.{}", hashlib.sha256).hexdigest()
    assert sign("s", b"{}", now_s=NOW_S) == f"t=1750000000,v1={digest}"


def test_one_of_several_signatures_is_enough() -> None:
    """While a secret is changed, a webhook carries a signature with each."""
    time, new = sign("new", b"{}", now_s=NOW_S).split(",")
    old = sign("old", b"{}", now_s=NOW_S).split(",")[1]
    assert holds("new", b"{}", f"{time},{old},{new}", now_s=NOW_S)


@pytest.mark.parametrize(
    "header",
    ["", "t=,v1=", "v1=abc", "t=1", "t=x,v1=y", "t=²,v1=é", "t=" + "9" * 400 + ",v1=a", ",,,", "=", "t=-1,v1=a"],
)
def test_nonsense_does_not_hold(header: str) -> None:
    """Whatever the header says, it is refused and nothing breaks."""
    assert not holds("s", b"{}", header, now_s=NOW_S)


def test_without_a_secret_nothing_holds() -> None:
    """An installation that forgot its secret believes nobody."""
    assert not holds("", b"{}", sign("", b"{}", now_s=NOW_S), now_s=NOW_S)

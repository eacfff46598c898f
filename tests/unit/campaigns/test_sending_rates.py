"""Limits as they are set, and the rates that hold them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.campaigns.rates import ON_THE_WAY_S, SLOWED_PER_S, Limits, limits_of, rate_of


def test_the_setting_names_limits() -> None:
    """For all, for each sender, for each domain, and for domains by name."""
    limits = limits_of("all=500,sender=200,domain=50,gmail.com=20")
    assert limits == Limits(all=500, sender=200, domain=50, domains={"gmail.com": 20})
    assert limits.of_domain("gmail.com") == 20
    assert limits.of_domain("x.example", slowed={"x.example"}) == 50


def test_without_limits_only_a_slowed_domain_has_one() -> None:
    """Nobody is asked for a permit until a server has asked us to slow down."""
    assert limits_of("") == Limits()
    assert limits_of("").of_domain("x.example") is None
    assert limits_of("").of_domain("x.example", slowed={"x.example"}) == SLOWED_PER_S


def test_a_limit_of_nothing_is_refused() -> None:
    """It would hold a campaign up for ever."""
    with pytest.raises(ValueError, match="at least 1"):
        limits_of("all=0")


@given(st.integers(1, 100_000))
def test_no_window_of_a_second_at_the_server_has_more_than_the_limit(limit: int) -> None:
    """What began within a second and the way there is no more than the limit, and no less than two thirds of it."""
    rate = rate_of(limit, name="all", keyed=False)
    assert int(rate.most + rate.per_s * (1 + ON_THE_WAY_S)) <= limit
    assert rate.per_s >= limit * 0.6

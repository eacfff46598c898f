"""When a charge is sent again, and when it is only looked up."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.payments.policy import Policy
from tests.fakes.clock import START


@pytest.mark.parametrize(
    ("age_s", "window_s", "sendable"),
    [
        (0, 86_400, True),
        (3_599, 86_400, True),
        (3_600, 86_400, False),
        (89, 100, True),
        (90, 100, False),
        (0, 0, False),
    ],
)
def test_a_charge_is_sent_within_the_window_and_while_it_makes_sense(
    age_s: float,
    window_s: float,
    sendable: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """Both ends: nine tenths of the provider's window, and the hour after which nobody wants it any more."""
    now = START + timedelta(seconds=age_s)
    assert Policy().charge_sendable(START, now, key_window_s=window_s) is sendable


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_nothing_is_sent_past_the_key_window(age_s: float, window_s: float) -> None:
    """For any window and any age: what is sendable is inside the window."""
    now = START + timedelta(seconds=age_s)
    if Policy(give_up_s=1e9).charge_sendable(START, now, key_window_s=window_s):
        assert now < START + timedelta(seconds=window_s)


@given(st.floats(-100, 1e6))
def test_look_ups_grow_rarer_up_to_a_limit(open_s: float) -> None:
    """Never sooner than the quiet, never later than the limit, and never sooner than the one before."""
    policy = Policy()
    now = START + timedelta(seconds=open_s)
    next_at = policy.check_at(now, START)
    wait = next_at - now
    assert timedelta(seconds=policy.quiet_s) <= wait <= timedelta(seconds=policy.recheck_most_s)
    assert policy.check_at(next_at, START) - next_at >= wait


def test_a_payment_whose_workers_all_died_is_looked_up_soon() -> None:
    """However many of them counted an attempt: a minute after it was first sent, it waits for one more minute."""
    policy = Policy()
    assert policy.check_at(START, None) - START == timedelta(seconds=policy.quiet_s)
    assert policy.check_at(START + timedelta(seconds=60), START) - START == timedelta(seconds=120)

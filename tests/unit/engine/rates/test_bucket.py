"""The arithmetic of rates: exact over any window, whatever happens between a grant and its call."""

import random  # noqa: TID251 - a test's own, seeded by Hypothesis
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comanda.engine.rates import bucket as buckets
from comanda.engine.rates.bucket import LEAST_FACTOR, Bucket
from comanda.engine.rates.rate import Rate
from tests.fakes.clock import START
from tests.fakes.windows import excess

ROUNDING = 1e-6
"""Tokens: sums of floats, and moments cut to microseconds."""

rates = st.builds(
    Rate,
    per_s=st.floats(0.05, 2000),
    burst=st.none() | st.floats(1, 500),
    recover_s=st.floats(1, 600),
)


def run(rate: Rate, slacks_s: list[float], seed: int, steps: int = 400, slow_downs: float = 0.0) -> list[float]:
    """Let askers with these slacks ask at random, and slow down at times; return when their calls began, in seconds."""
    chance = random.Random(seed)  # noqa: S311 - a test's own
    bucket = buckets.full(rate, START)
    now = 0.0
    calls: list[float] = []
    for _ in range(steps):
        # Mostly about as often as there are permits, at times not for a long while.
        now += round(chance.expovariate(rate.per_s * 3) if chance.random() < 0.95 else chance.random() * 5, 6)
        at = START + timedelta(seconds=now)
        bucket = buckets.refilled(rate, bucket, at)
        if chance.random() < slow_downs:
            bucket = buckets.slowed(rate, bucket, at, chance.choice([None, 0.5]))
        slack_s = chance.choice(slacks_s)
        # Worst for the promise: all at once, or all as late as they may be.
        late = chance.choice([0.0, chance.random(), 1.0])
        for _ in range(chance.choice([1, 5, 1000])):
            left = buckets.taken(rate, bucket, slack_s)
            if left is None:
                break
            bucket = left
            calls.append(now + slack_s * late)
    return calls


@settings(max_examples=120, deadline=None)
@given(
    rates,
    st.lists(st.sampled_from([0.0, 0.004, 0.01, 0.1, 1.0]), min_size=1, max_size=3),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.01]),
)
def test_no_window_holds_more_calls_than_promised(
    rate: Rate, slacks_s: list[float], seed: int, slow_downs: float
) -> None:
    """However late calls begin within their slack, whoever asks, with whatever slack: never beyond."""
    assert excess(rate, run(rate, slacks_s, seed, slow_downs=slow_downs)) <= ROUNDING


@pytest.mark.parametrize("burst", [1.0, 1.5, 20.0])
def test_without_the_slacks_price_a_window_holds_too_many(burst: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: where a full bucket goes on filling while its call is on the way, the promise breaks."""

    def careless(_: Rate, bucket: Bucket, __: float) -> Bucket | None:
        return None if bucket.tokens < 1 else msgspec.structs.replace(bucket, tokens=bucket.tokens - 1)

    rate = Rate(per_s=100, burst=burst)
    assert excess(rate, run(rate, [0.1], seed=1)) <= ROUNDING
    monkeypatch.setattr(buckets, "taken", careless)
    assert excess(rate, run(rate, [0.1], seed=1)) > 0.5


@settings(max_examples=200, deadline=None)
@given(rates, st.floats(LEAST_FACTOR, 1), st.floats(0, 1000), st.floats(0, 1000))
def test_gain_does_not_depend_on_how_often_one_looks(rate: Rate, factor: float, first_s: float, then_s: float) -> None:
    """What flows in over two stretches is what flows in over both; and `time_for` is its inverse."""
    grown = min(1.0, factor + first_s / rate.recover_s)
    both = buckets.gain(rate, factor, first_s + then_s)
    assert buckets.gain(rate, factor, first_s) + buckets.gain(rate, grown, then_s) == pytest.approx(both, abs=1e-6)
    assert buckets.time_for(rate, factor, both) == pytest.approx(first_s + then_s, abs=1e-6)


def test_a_burst_goes_at_once_and_then_the_rate_holds() -> None:
    """After a pause the burst is there, less what flows in within the slack; then a permit comes every 1/rate."""
    rate = Rate(per_s=10, burst=5)
    bucket = buckets.full(rate, START)
    at = START + timedelta(days=1)
    granted = 0
    bucket = buckets.refilled(rate, bucket, at)
    while (left := buckets.taken(rate, bucket, 0.01)) is not None:
        bucket, granted = left, granted + 1
    assert granted == 4
    assert buckets.next_at(rate, bucket) == at + timedelta(seconds=0.01)
    bucket = buckets.refilled(rate, bucket, at + timedelta(seconds=0.01))
    bucket = buckets.taken(rate, bucket, 0.01) or bucket
    assert buckets.next_at(rate, bucket) == at + timedelta(seconds=0.11)


def test_slow_down_halves_the_rate_once_for_calls_that_hear_it_together_and_it_grows_back() -> None:
    """Two 429s of one moment halve it once, one a second later again; it grows back by the same step every second."""
    rate = Rate(per_s=100, burst=10, recover_s=60)
    bucket = buckets.slowed(rate, buckets.full(rate, START), START, None)
    assert (bucket.factor, bucket.tokens) == (0.5, 0.0)
    bucket = buckets.slowed(rate, bucket, START + timedelta(seconds=0.4), None)
    assert bucket.factor == pytest.approx(0.5 + 0.4 / 60)
    bucket = buckets.slowed(rate, bucket, START + timedelta(seconds=1.2), None)
    assert bucket.factor == pytest.approx((0.5 + 1.2 / 60) / 2)
    half = bucket.factor
    for second in (1, 2, 3):
        later = buckets.refilled(rate, bucket, bucket.filled_at + timedelta(seconds=second))
        assert later.factor == pytest.approx(half + second / 60)
    assert buckets.refilled(rate, bucket, START + timedelta(seconds=70)).factor == 1.0


def test_slow_down_has_a_floor() -> None:
    """However often the other side says so, a trickle goes on, to find out when it is over."""
    rate = Rate(per_s=100)
    bucket = buckets.full(rate, START)
    for second in range(100):
        bucket = buckets.slowed(rate, bucket, START + timedelta(seconds=1.01 * second), None)
    assert bucket.factor >= LEAST_FACTOR
    assert buckets.next_at(rate, bucket) - bucket.filled_at < timedelta(seconds=1)


def test_retry_after_stops_the_key_for_that_long() -> None:
    """Nothing is granted before the time that the other side named, and a mistaken one stops for an hour at most."""
    rate = Rate(per_s=100, burst=10)
    bucket = buckets.slowed(rate, buckets.full(rate, START), START, 30)
    before = buckets.refilled(rate, bucket, START + timedelta(seconds=29.99))
    assert buckets.taken(rate, before, 0.01) is None
    after = buckets.refilled(rate, bucket, START + timedelta(seconds=30.1))
    assert buckets.taken(rate, after, 0.01) is not None
    assert buckets.slowed(rate, bucket, START, 1e9).filled_at == START + timedelta(hours=1)


def test_a_clock_that_goes_back_adds_nothing() -> None:
    """Time that is seen twice fills once."""
    rate = Rate(per_s=10, burst=10)
    bucket = msgspec.structs.replace(buckets.full(rate, START), tokens=0.0)
    back = buckets.refilled(rate, bucket, START - timedelta(seconds=100))
    assert (back.tokens, back.filled_at) == (0.0, START)


def test_those_who_wait_come_back_one_by_one() -> None:
    """Each is told the moment of its own permit, behind all who were told before; a slow-down moves the promises."""
    rate = Rate(per_s=10, burst=3)
    bucket = msgspec.structs.replace(buckets.full(rate, START), tokens=0.5)
    times = []
    for _ in range(4):
        bucket, at = buckets.promised(rate, bucket, 0.01)
        times.append((at - START).total_seconds())
    assert times == pytest.approx([0.05, 0.15, 0.25, 0.35], abs=1e-5)
    slower = buckets.slowed(rate, bucket, START, None)
    _, at = buckets.promised(rate, slower, 0.01)
    assert (at - START).total_seconds() == pytest.approx(buckets.time_for(rate, 0.5, 4.5), abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(rates, st.floats(-20, 20), st.floats(LEAST_FACTOR, 1))
def test_an_idle_bucket_is_a_full_one(rate: Rate, tokens: float, factor: float) -> None:
    """From `idle_at` on, a row that is missing says the same."""
    bucket = Bucket(min(tokens, rate.most), START, factor)
    at = buckets.idle_at(rate, bucket) + timedelta(microseconds=1)
    later = buckets.refilled(rate, bucket, at)
    assert later.tokens == pytest.approx(rate.most, abs=0.01)
    assert later.factor == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("given_", "most"), [({"per_s": 100}, 10.0), ({"per_s": 2}, 1.0), ({"per_s": 5, "burst": 7}, 7)]
)
def test_a_burst_is_a_tenth_of_a_second_unless_said(given_: dict[str, float], most: float) -> None:
    """And at least one."""
    assert Rate(**given_).most == most  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"per_s": 0}, {"per_s": 1, "burst": 0.5}, {"per_s": 1, "recover_s": 0}])
def test_a_rate_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """Where it is written, not where it is used."""
    with pytest.raises(ValueError, match="A rate is"):
        Rate(**wrong)  # type: ignore[arg-type]

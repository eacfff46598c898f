"""Shards, backoff and periods: pure parts of the engine, by their properties."""

import itertools
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import DeadLetter, Dropped, RetryLater
from comanda.engine.events import SHARDS, shard_of
from comanda.engine.ids import RandomIds
from comanda.engine.lanes import Retries
from comanda.engine.lanes.parking import delay_s, verdict_on
from comanda.engine.periods import TimePartitions
from tests.fakes.ids import SeededIds

DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2100, 1, 1))
LINES = TimePartitions(table="t", column="id", kind="uuid7", period="month", ahead=2)


@given(st.text())
def test_every_key_has_one_shard(key: str) -> None:
    """A key's shard is the same each time, and within the log's."""
    assert shard_of(key) == shard_of(key)
    assert 0 <= shard_of(key) < SHARDS


def test_keys_spread_over_all_shards() -> None:
    """Ids, as orders have them, do not heap up in a few shards."""
    ids = SeededIds()
    counts = [0] * SHARDS
    for _ in range(16_000):
        counts[shard_of(str(ids.new()))] += 1
    assert min(counts) > 800


@given(attempts=st.integers(1, 200), seed=st.integers(0, 1000))
def test_backoff_is_jittered_under_a_doubling_cap(attempts: int, seed: int) -> None:
    """No wait is longer than the cap of its try, nor than the longest allowed."""
    retries = Retries(first_s=0.5, most_s=60.0)
    wait = delay_s(retries, attempts, SeededIds(seed), ValueError())
    assert 0 <= wait <= min(60.0, 0.5 * 2 ** min(attempts - 1, 30))


def test_what_the_other_side_asks_is_what_we_wait() -> None:
    """`Retry-After` goes before our own backoff."""
    assert delay_s(Retries(), 1, SeededIds(), RetryLater("busy", after_s=17.0)) == 17.0


def test_the_last_try_and_a_dead_letter_end_it() -> None:
    """After the limit, or at the handler's word, nothing is tried again."""
    assert verdict_on(Retries(limit=3), 2, ValueError()) == "retry"
    assert verdict_on(Retries(limit=3), 3, ValueError()) == "dead"
    assert verdict_on(Retries(limit=3), 1, DeadLetter()) == "dead"
    assert verdict_on(Retries(dead=(KeyError,)), 1, KeyError()) == "dead"
    assert verdict_on(Retries(drop=(LookupError,)), 1, KeyError()) == "drop"
    assert verdict_on(Retries(), 1, Dropped()) == "drop"


@given(DAYS)
def test_months_follow_each_other_without_gaps(day: date) -> None:
    """The partitions made ahead cover the present and the next months, end to end."""
    starts = LINES.starts(day)
    assert starts[0] <= day < starts[1]
    assert all(LINES.after(one) == other for one, other in itertools.pairwise(starts))


@given(DAYS)
def test_an_ids_time_tells_its_partition(day: date) -> None:
    """A UUIDv7 made at midnight is not below the bound of that day; one made just before is."""
    bound = UUID(LINES.bound(day).strip("'"))
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    at = UUID(int=(midnight << 80) | (0x7 << 76) | (0b10 << 62))
    before = UUID(int=((midnight - 1) << 80) | (1 << 80) - 1)
    assert before < bound <= at


def test_new_ids_rise() -> None:
    """Ids sort by the time of their making, to the millisecond and within it."""
    ids = RandomIds()
    made = [ids.new() for _ in range(1000)]
    assert made == sorted(made)
    assert {id_.version for id_ in made} == {7}
    assert timedelta(milliseconds=abs((made[-1].int >> 80) - (made[0].int >> 80))) < timedelta(minutes=1)

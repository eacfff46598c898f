"""Partitions' names and the days they begin on."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.periods import TimePartitions

EVENTS = TimePartitions(table="engine.events", column="at", kind="timestamp", period="day", ahead=7)


@given(st.dates(min_value=date(1970, 1, 1)))
def test_a_partitions_name_tells_its_day(start: date) -> None:
    """What is named after a day is found by it again."""
    assert EVENTS.start_of(EVENTS.name(start)) == start


def test_other_names_are_no_partitions_of_ours() -> None:
    """The default partition, another table's, and one that somebody made by hand."""
    for name in ("engine.events_default", "engine.events2_p20260101", "engine.events_p2026", "events_p20260101"):
        assert EVENTS.start_of(name) is None

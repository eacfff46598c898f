"""Opening hours: over midnight, through changes of the clock, with exceptions."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.catalog.hours import covers, is_open, minutes_of, next_opening, stretch
from comanda.contracts.catalog import DayException, Trading, Window

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LATE = Trading(hours=(Window(days=(5,), start="18:00", end="02:00"),))
"""Fridays from 18:00 to Saturday 02:00."""


def at(zone: ZoneInfo, text: str, fold: int = 0) -> datetime:
    """Return the instant of a wall clock's time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def test_no_hours_means_always_open() -> None:
    """A restaurant without hours never closes."""
    assert is_open(Trading(), BERLIN, at(BERLIN, "2025-01-01T03:33"))
    assert next_opening(Trading(), BERLIN, at(BERLIN, "2025-01-01T03:33")) == at(BERLIN, "2025-01-01T03:33")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2025-05-09T17:59", False),
        ("2025-05-09T18:00", True),
        ("2025-05-09T23:59", True),
        ("2025-05-10T00:00", True),
        ("2025-05-10T01:59", True),
        ("2025-05-10T02:00", False),
        ("2025-05-10T18:00", False),
        ("2025-05-09T01:00", False),
    ],
)
def test_a_window_over_midnight_lasts_into_the_next_day(when: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """The start is inside, the end is outside, and the night belongs to the day on which it began."""
    assert is_open(LATE, BERLIN, at(BERLIN, when)) is expected


def test_an_exception_replaces_the_windows_that_start_on_its_date() -> None:
    """A closed Saturday leaves Friday's night alone; a closed Friday takes its night away."""
    saturday = Trading(hours=LATE.hours, exceptions=(DayException(day=date(2025, 5, 10)),))
    friday = Trading(hours=LATE.hours, exceptions=(DayException(day=date(2025, 5, 9)),))
    after_midnight = at(BERLIN, "2025-05-10T01:00")
    assert is_open(saturday, BERLIN, after_midnight)
    assert not is_open(friday, BERLIN, after_midnight)


def test_an_exception_can_open_a_closed_day_and_close_an_always_open_one() -> None:
    """Other hours hold on the date, whatever the week says."""
    opened = Trading(
        hours=LATE.hours,
        exceptions=(DayException(day=date(2025, 5, 12), windows=(Window(start="10:00", end="11:00"),)),),
    )
    assert is_open(opened, BERLIN, at(BERLIN, "2025-05-12T10:30"))
    closed = Trading(exceptions=(DayException(day=date(2025, 12, 25), reason="Christmas"),))
    assert is_open(closed, BERLIN, at(BERLIN, "2025-12-24T23:59"))
    assert not is_open(closed, BERLIN, at(BERLIN, "2025-12-25T12:00"))
    assert next_opening(closed, BERLIN, at(BERLIN, "2025-12-25T12:00")) == at(BERLIN, "2025-12-26T00:00")


def test_hours_hold_on_the_wall_clock_through_the_year() -> None:
    """11:00 is 10:00 UTC in winter and 09:00 UTC in summer."""
    lunch = Trading(hours=(Window(start="11:00", end="15:00"),))
    assert is_open(lunch, BERLIN, datetime(2025, 1, 15, 10, 0, tzinfo=UTC))
    assert not is_open(lunch, BERLIN, datetime(2025, 1, 15, 9, 30, tzinfo=UTC))
    assert is_open(lunch, BERLIN, datetime(2025, 7, 15, 9, 0, tzinfo=UTC))


def test_the_night_that_has_an_hour_twice_is_one_stretch() -> None:
    """A night until 02:30, when 02:00 to 03:00 comes twice, ends at the second 02:30 and does not close in between."""
    night = Trading(hours=(Window(start="18:00", end="02:30"),))
    assert is_open(night, BERLIN, at(BERLIN, "2025-10-26T02:15", fold=0))
    assert is_open(night, BERLIN, at(BERLIN, "2025-10-26T02:45", fold=0))
    assert is_open(night, BERLIN, at(BERLIN, "2025-10-26T02:15", fold=1))
    assert not is_open(night, BERLIN, at(BERLIN, "2025-10-26T02:30", fold=1))


def test_the_night_that_lacks_an_hour_still_closes() -> None:
    """A time that does not occur is read with the offset before the gap: 02:30 is what would be 03:30."""
    night = Trading(hours=(Window(start="18:00", end="02:30"),))
    assert is_open(night, NEW_YORK, at(NEW_YORK, "2025-03-09T01:59"))
    assert is_open(night, NEW_YORK, at(NEW_YORK, "2025-03-09T03:29"))
    assert not is_open(night, NEW_YORK, at(NEW_YORK, "2025-03-09T03:30"))
    early = Trading(hours=(Window(start="02:30", end="05:00"),))
    assert next_opening(early, NEW_YORK, at(NEW_YORK, "2025-03-09T01:00")) == at(NEW_YORK, "2025-03-09T03:30")


def test_the_next_opening_is_now_while_it_is_open_and_none_when_it_never_is() -> None:
    """Asked while open it is the same instant; a restaurant with only exceptions in the past never opens."""
    now = at(BERLIN, "2025-05-09T20:00")
    assert next_opening(LATE, BERLIN, now) == now
    assert next_opening(LATE, BERLIN, at(BERLIN, "2025-05-10T02:00")) == at(BERLIN, "2025-05-16T18:00")
    never = Trading(hours=(Window(days=(8,), start="18:00", end="02:00"),))
    assert next_opening(never, BERLIN, now) is None


def test_an_item_is_to_be_had_within_its_windows() -> None:
    """Weekend brunch is for weekends, until noon."""
    brunch = (Window(days=(6, 7), start="09:00", end="12:00"),)
    assert covers(brunch, BERLIN, at(BERLIN, "2025-05-10T11:59"))
    assert not covers(brunch, BERLIN, at(BERLIN, "2025-05-10T12:00"))
    assert not covers(brunch, BERLIN, at(BERLIN, "2025-05-09T10:00"))


@pytest.mark.parametrize("text", ["", "9:00", "24:01", "12:60", "1200", "ab:cd", "-1:00", "٠٩:٠٠", "12:0", "25:00"])  # noqa: RUF001 - other digits
def test_only_times_of_day_are_times_of_day(text: str) -> None:
    """Anything but HH:MM is refused."""
    with pytest.raises(ValueError, match="not a time of day"):
        minutes_of(text)


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"]),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(0, 95),
    st.integers(1, 96),
)
def test_stretches_have_a_length_near_their_clock_time(name: str, day: date, start: int, length: int) -> None:
    """Whatever the clock does, a window is never turned round and is off by an hour at most."""
    end = (start + length - 1) % 96 + 1
    window = Window(start=f"{start // 4:02}:{start % 4 * 15:02}", end=f"{end // 4:02}:{end % 4 * 15:02}")
    begin, finish = stretch(ZoneInfo(name), day, window)
    clock_time = timedelta(minutes=15 * ((end - start) % 96 or 96))
    assert abs((finish - begin) - clock_time) <= timedelta(hours=1)

"""Quiet hours, warm-up plans, and the hours of zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from comanda.contexts.campaigns.quiet import (
    MOST_A_DAY,
    WarmUp,
    allowed_on,
    known_zone,
    quiet_of,
    quiet_until,
    warm_up_of,
    zone_start,
)

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = quiet_of({"from": "21:00", "until": "08:00"})


def test_the_night_is_quiet_until_its_morning() -> None:
    """Before midnight and after it the same morning is meant; the day is not quiet."""
    assert NIGHT is not None
    morning = datetime(2026, 1, 11, 7, 0, tzinfo=UTC)
    assert quiet_until(NIGHT, BERLIN, datetime(2026, 1, 10, 20, 0, tzinfo=UTC)) == morning
    assert quiet_until(NIGHT, BERLIN, datetime(2026, 1, 11, 6, 59, tzinfo=UTC)) == morning
    assert quiet_until(NIGHT, BERLIN, morning) is None
    assert quiet_until(NIGHT, BERLIN, datetime(2026, 1, 10, 19, 59, tzinfo=UTC)) is None


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_quiet_hours_end_in_the_future_and_are_over_then(now: datetime) -> None:
    """Through a year with both changes of the clock: whoever waits as told waits no more than twice."""
    assert NIGHT is not None
    until = quiet_until(NIGHT, BERLIN, now)
    if until is not None:
        assert now < until <= now + timedelta(hours=13)
        assert quiet_until(NIGHT, BERLIN, until) is None


def test_no_quiet_hours_are_none() -> None:
    """Nothing, and hours that begin when they end."""
    assert quiet_of(None) is None
    assert quiet_of({"from": "08:00", "until": "08:00"}) is None


def test_a_warm_up_grows_by_the_day() -> None:
    """From nothing before it begins to more than anybody sends."""
    plan = warm_up_of({"began": "2026-11-01", "first": 500, "growth": 1.5})
    assert plan == WarmUp(date(2026, 11, 1), 500, 1.5)
    assert plan is not None
    assert [allowed_on(plan, date(2026, 11, day)) for day in (1, 2, 3)] == [500, 750, 1125]
    assert allowed_on(plan, date(2026, 10, 31)) == 0
    assert allowed_on(plan, date(2036, 11, 1)) == MOST_A_DAY


def test_a_zone_begins_at_its_own_clock() -> None:
    """Nine in Berlin is nine in Tokyo, eight hours earlier; an unknown zone is home."""
    nine = datetime(2026, 1, 10, 8, 0, tzinfo=UTC)
    assert zone_start(nine, "Europe/Berlin", "Asia/Tokyo") == nine - timedelta(hours=8)
    assert zone_start(nine, "Europe/Berlin", "") == nine
    assert zone_start(nine, "Europe/Berlin", "Mars/Olympus") == nine
    assert known_zone("nowhere") == ZoneInfo("UTC")

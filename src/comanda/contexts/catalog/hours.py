"""When a restaurant is open: windows of the week in its own zone, with exceptions by date.

A window belongs to the date on which it starts, all of it: Friday 18:00 to 02:00 lasts until Saturday 02:00, whatever
Saturday's hours or exceptions say. An exception takes the place of all windows that would start on its date.

Where the clock changes, windows are taken as instants, so that a restaurant never opens twice in a night: a time that
does not occur is read with the offset before the gap (RFC 5545, 3.3.5); a time that occurs twice is its first
occurrence for a start and its last for an end.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from comanda.contracts.catalog import Trading, Window

DAY = timedelta(days=1)

DAYS_SEARCHED = 400
"""How far ahead the next opening is looked for; beyond it a restaurant counts as closed for good."""

ALL_DAY = (Window(start="00:00", end="24:00"),)


def minutes_of(time_of_day: str) -> int:
    """Return the minutes since midnight of `HH:MM`, from 00:00 to 24:00. Raises ValueError for anything else."""
    hours, colon, minutes = time_of_day.partition(":")
    if len(hours) == len(minutes) == 2 and colon and (hours + minutes).isascii() and (hours + minutes).isdigit():  # noqa: PLR2004 - two digits each
        total = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and total <= 24 * 60:  # noqa: PLR2004 - minutes in an hour
            return total
    raise ValueError(f"{time_of_day!r} is not a time of day like 09:30.")


def instant(zone: ZoneInfo, day: date, minutes: int, *, last: bool) -> datetime:
    """Return in UTC the instant that is `minutes` after midnight of `day` on the wall clock of `zone`.

    Args:
        zone: whose wall clock.
        day: the date.
        minutes: may exceed a day.
        last: which of two occurrences to take where the clock is set back.
    """
    wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if last:
        second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        # In a gap the second reading lies before the first, and is not what we want.
        return max(first, second)
    return first


def windows_on(trading: Trading, day: date) -> tuple[Window, ...]:
    """Return the windows that start on `day`."""
    for exception in trading.exceptions:
        if exception.day == day:
            return exception.windows
    if not trading.hours:
        return ALL_DAY
    return tuple(window for window in trading.hours if starts_on(window, day))


def starts_on(window: Window, day: date) -> bool:
    """Whether the window starts on that date."""
    return not window.days or day.isoweekday() in window.days


def stretch(zone: ZoneInfo, day: date, window: Window) -> tuple[datetime, datetime]:
    """Return the window that starts on `day` as two instants in UTC: its start, inside, and its end, outside."""
    start, end = minutes_of(window.start), minutes_of(window.end)
    if end <= start:
        end += 24 * 60
    return instant(zone, day, start, last=False), instant(zone, day, end, last=True)


def is_open(trading: Trading, zone: ZoneInfo, at: datetime) -> bool:
    """Whether the restaurant is open at the instant `at`."""
    if not trading.hours and not trading.exceptions:
        return True
    today = at.astimezone(zone).date()
    return any(
        start <= at < end
        for day in (today - DAY, today)
        for window in windows_on(trading, day)
        for start, end in (stretch(zone, day, window),)
    )


def covers(windows: tuple[Window, ...], zone: ZoneInfo, at: datetime) -> bool:
    """Whether any of an item's windows contains the instant `at`. The restaurant's exceptions have no say in them."""
    today = at.astimezone(zone).date()
    for day in (today - DAY, today):
        for window in windows:
            if starts_on(window, day):
                start, end = stretch(zone, day, window)
                if start <= at < end:
                    return True
    return False


def stretches(trading: Trading, zone: ZoneInfo, after: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield the open stretches that end after `after` and start on one of the `days` dates from the eve of it on."""
    eve = after.astimezone(zone).date() - DAY
    for number in range(days + 1):
        day = eve + number * DAY
        found = sorted(stretch(zone, day, window) for window in windows_on(trading, day))
        yield from ((start, end) for start, end in found if end > after)


def next_opening(trading: Trading, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first instant at or after `after` at which the restaurant is open, or None within `DAYS_SEARCHED`."""
    if not trading.hours and not trading.exceptions:
        return after
    for start, _ in stretches(trading, zone, after, DAYS_SEARCHED):
        return max(start, after)
    return None

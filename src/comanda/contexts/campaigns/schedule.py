"""When a campaign goes out: local times, in the restaurant's zone or in each recipient's. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MOST_AHEAD = timedelta(days=366)


def moment_of(at: datetime, zone: str) -> datetime:
    """Return the instant, in UTC, that a person means: a time without a zone is in `zone`.

    A time that a change to summer time leaves out is as far after the change as it is after the gap's beginning; one
    that comes twice is the first of the two.
    """
    return (at if at.tzinfo is not None else at.replace(tzinfo=_zone(zone))).astimezone(UTC)


def local_moment(sends_at: datetime, restaurant_zone: str, zone: str) -> datetime:
    """Return the instant at which the clock in `zone` shows what the restaurant's shows at `sends_at`.

    An empty zone is the restaurant's, and so is one that nobody knows.
    """
    home = _zone(restaurant_zone)
    shown = sends_at.astimezone(home).replace(tzinfo=None)
    return moment_of(shown, zone or restaurant_zone) if _is_zone(zone or restaurant_zone) else sends_at


def begin_of(sends_at: datetime, restaurant_zone: str, zones: Iterable[str]) -> datetime:
    """Return when the first of these zones is to be mailed; `sends_at` itself where there are none."""
    return min((local_moment(sends_at, restaurant_zone, zone) for zone in zones), default=sends_at)


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name) if _is_zone(name) else ZoneInfo("UTC")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True

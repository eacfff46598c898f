"""When mails may go: quiet hours, warm-up plans, and the hour at which a zone's turn comes. Pure.

Wall-clock times are the recipient's. Where clocks are put forward and an hour is missing, its times are an hour later
by the wall clock; where they are put back, the first of the two is meant (PEP 495, `fold=0`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

EVERYWHERE = ZoneInfo("UTC")
"""The zone where none is known."""


class Quiet(msgspec.Struct, frozen=True):
    """Hours in which nothing is sent, as `{"from": "21:00", "until": "08:00"}`; they may span midnight.

    Attributes:
        since, until: wall-clock times in the recipient's zone; equal ones are no quiet hours at all.
    """

    since: time = msgspec.field(name="from")
    until: time


class WarmUp(msgspec.Struct, frozen=True):
    """How a new sender's mails grow by the day: `{"began": "2026-11-01", "first": 500, "growth": 1.5}`."""

    began: date
    first: int
    growth: float


def quiet_of(stored: Mapping[str, Any] | None) -> Quiet | None:
    """Return quiet hours out of JSON. Raises `msgspec.ValidationError`."""
    if not stored:
        return None
    quiet = msgspec.convert({name: _whole_time(value) for name, value in stored.items()}, Quiet)
    return None if quiet.since == quiet.until else quiet


def warm_up_of(stored: Mapping[str, Any] | None) -> WarmUp | None:
    """Return a warm-up plan out of JSON. Raises `msgspec.ValidationError`."""
    return msgspec.convert(stored, WarmUp) if stored else None


def quiet_until(quiet: Quiet, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return when the quiet hours end that `now` is in; None where it is in none."""
    here = now.astimezone(zone)
    clock = here.time()
    if quiet.since < quiet.until:
        inside = quiet.since <= clock < quiet.until
    else:
        inside = clock >= quiet.since or clock < quiet.until
    if not inside:
        return None
    day = here.date() + timedelta(days=1 if clock >= quiet.until else 0)
    end = datetime.combine(day, quiet.until, here.tzinfo).astimezone(UTC)
    # In the hour that comes twice, the end may lie behind us by the second of them.
    return end if end > now else now + timedelta(hours=1)


def allowed_on(plan: WarmUp, day: date) -> int:
    """Return how many mails a sender may send on `day`; none before the plan begins."""
    days = (day - plan.began).days
    if days < 0:
        return 0
    try:
        return int(min(plan.first * plan.growth**days, MOST_A_DAY))
    except OverflowError:
        return MOST_A_DAY


MOST_A_DAY = 2**31 - 1
"""Where a plan has grown to this, there is no limit any more."""


def zone_start(sends_at: datetime, home: str, zone: str) -> datetime:
    """Return when it is in `zone` the local time that `sends_at` is at `home`; an unknown zone is as home."""
    at_home = known_zone(home)
    local = sends_at.astimezone(at_home).replace(tzinfo=None)
    return local.replace(tzinfo=known_zone(zone, at_home)).astimezone(UTC)


def known_zone(name: str, otherwise: ZoneInfo = EVERYWHERE) -> ZoneInfo:
    """Return a zone by its name; `otherwise` for none and for one that nobody knows."""
    try:
        return ZoneInfo(name) if name else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


def _whole_time(value: Any) -> Any:
    """Let "21:00" be a time: the standard that msgspec keeps to wants seconds."""
    return f"{value}:00" if isinstance(value, str) and len(value) == len("21:00") else value

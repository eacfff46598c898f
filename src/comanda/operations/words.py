"""Figures as an operator reads them at three in the morning: short, rounded, with their unit."""

from datetime import datetime
from typing import Literal

from comanda.engine.monitoring import LaneOverview
from comanda.engine.monitoring.overview import PARKED_COUNTED

LATE_S = 60.0
"""A lane whose oldest event is older is behind."""

MANY = 100_000
"""From here on a number is told in thousands or millions."""

Condition = Literal["paused", "unattended", "behind", "dead letters", "retrying", "well"]

KINDS: dict[Condition, str] = {
    "paused": "wait",
    "unattended": "bad",
    "behind": "wait",
    "dead letters": "bad",
    "retrying": "cool",
    "well": "good",
}
"""The colour of each condition's badge."""

SECOND_S, MINUTE_S, HOUR_S, DAY_S = 1, 60, 3600, 86400


def condition(lane: LaneOverview) -> Condition:
    """Return in one word how a lane is; the worst that is true of it."""
    if lane.paused_at is not None:
        return "paused"
    if lane.unattended:
        return "unattended"
    if lane.dead:
        return "dead letters"
    if lane.age_s > LATE_S:
        return "behind"
    return "retrying" if lane.waiting else "well"


def count(number: int, *, exact: bool = True) -> str:
    """Return `1,234`, or `≈ 1.2 M` for an estimate or what is too long to read."""
    if number >= 10 * MANY:
        return f"≈ {number / 1_000_000:,.1f} M"
    if number >= MANY:
        return f"≈ {number / 1000:,.0f} k"
    return f"{number:,}" if exact else f"≈ {number:,}"


def parked_count(number: int) -> str:
    """Return a number of parked events, which are counted up to a limit."""
    return f"{number:,}" if number < PARKED_COUNTED else f"{number:,}+"


def rate(per_s: float) -> str:
    """Return `0`, `0.05/s`, `12/s` or `1,200/s`."""
    if per_s <= 0:
        return "0"
    if per_s < 0.1:  # noqa: PLR2004 - two places below a tenth, one below ten
        return f"{per_s:.2f}/s"
    return f"{per_s:.1f}/s" if per_s < 10 else f"{per_s:,.0f}/s"  # noqa: PLR2004 - as above


def span(seconds: float) -> str:
    """Return a length of time by its two largest units: `0.4 s`, `12 s`, `3 min`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10 * SECOND_S:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    minutes = int(seconds // MINUTE_S)
    if seconds < HOUR_S:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if seconds < DAY_S:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def since(at: datetime, now: datetime) -> str:
    """Return how long ago `at` was: `3 min ago`; or how long until then: `in 20 s`."""
    seconds = (now - at).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def shards_of(numbers: list[int]) -> str:
    """Return numbers of shards with their runs drawn together: 0 to 3 and 8."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)  # noqa: RUF001 - a range's dash


def utc(at: datetime) -> str:
    """Return a moment for comparing with logs: `2026-11-24 03:04:05 UTC`."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


WORDS = {
    "condition": condition,
    "kinds": KINDS,
    "count": count,
    "parked_count": parked_count,
    "rate": rate,
    "span": span,
    "since": since,
    "shards_of": shards_of,
    "utc": utc,
}
"""What the templates of this room call, by name."""

"""Kitchen slots: stretches of equal length into which time is cut, and the due times that a guest can choose.

The cut is the same for all time: slots are counted from 2000-01-01 00:00 on the restaurant's wall clock, in elapsed
minutes. A slot's length divides an hour, so that slots start at the same minutes of every hour, through every change
of the clock by whole hours.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from comanda.contexts.catalog.hours import is_open, next_opening, stretches
from comanda.contracts.catalog import FulfilmentType, Trading
from comanda.engine.errors import FieldError

DEFAULT_LEAD_MINUTES: dict[FulfilmentType, int] = {"pickup": 20, "delivery": 45, "dine_in": 15}

MAX_CHOICES = 1_000
"""Slots offered at once, at most."""

COUNTED_FROM = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall clock's time, given its zone below


def lead(trading: Trading, fulfilment: FulfilmentType) -> timedelta:
    """Return the time from order to ready."""
    return timedelta(minutes=trading.lead_minutes.get(fulfilment, DEFAULT_LEAD_MINUTES[fulfilment]))


@lru_cache(maxsize=512)
def _origin(zone: ZoneInfo) -> datetime:
    return COUNTED_FROM.replace(tzinfo=zone).astimezone(UTC)


def slot_of(trading: Trading, zone: ZoneInfo, due_at: datetime) -> datetime:
    """Return the start, in UTC, of the slot in which `due_at` lies."""
    origin = _origin(zone)
    length = timedelta(minutes=trading.slot_minutes)
    return origin + (due_at - origin) // length * length


def choices(trading: Trading, zone: ZoneInfo, fulfilment: FulfilmentType, now: datetime) -> list[datetime]:
    """Return the starts of the slots that a guest can choose now, in UTC, in order, `MAX_CHOICES` at most.

    A slot can be chosen when it starts while the restaurant is open, no sooner than the lead time, and no later than
    `days_ahead` days from now.
    """
    length = timedelta(minutes=trading.slot_minutes)
    soonest = now + lead(trading, fulfilment)
    latest = now + timedelta(days=trading.days_ahead)
    found: list[datetime] = []
    for start, end in stretches(trading, zone, soonest, trading.days_ahead + 2):
        begin = max(start, soonest)
        slot = slot_of(trading, zone, begin)
        if slot < begin:
            slot += length
        while slot < end and slot <= latest and len(found) < MAX_CHOICES:
            if not found or slot > found[-1]:
                found.append(slot)
            slot += length
    return found


def due(
    trading: Trading, zone: ZoneInfo, fulfilment: FulfilmentType, wanted: datetime | None, now: datetime
) -> datetime | FieldError:
    """Return when the order will be due in UTC, or why it cannot be.

    Args:
        trading: the restaurant's hours and lead times.
        zone: its zone.
        fulfilment: how the guest gets the order.
        wanted: the later time that the guest chose; None for as soon as possible, which needs an open restaurant.
        now: the present instant.
    """
    if wanted is None:
        return _as_soon_as_possible(trading, zone, fulfilment, now)
    problem = None
    if wanted < now + lead(trading, fulfilment):
        problem = "That is too soon for us. Choose a later time."
    elif wanted > now + timedelta(days=trading.days_ahead):
        problem = f"You can order at most {trading.days_ahead} days ahead."
    elif not is_open(trading, zone, wanted):
        problem = "We are closed at that time. Choose another."
    return wanted.astimezone(UTC) if problem is None else FieldError("fulfilment.at", problem)


def _as_soon_as_possible(
    trading: Trading, zone: ZoneInfo, fulfilment: FulfilmentType, now: datetime
) -> datetime | FieldError:
    if is_open(trading, zone, now):
        return now + lead(trading, fulfilment)
    opening = next_opening(trading, zone, now)
    if opening is None:
        return FieldError("fulfilment.at", "We are closed at present.")
    when = opening.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return FieldError("fulfilment.at", f"We are closed now. We open again on {when}; choose a later time.")

"""The catalog's rules of time, as ordering sees them: the port `contracts.catalog.Timetable` over pure functions."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from comanda.contexts.catalog import hours, slots
from comanda.contracts.catalog import FulfilmentType, Restaurant, Window
from comanda.engine.errors import FieldError


class RestaurantTimetable:
    """Answers questions of time about a restaurant, in its zone."""

    def is_open(self, restaurant: Restaurant, at: datetime) -> bool:
        """Whether it is open at that instant."""
        return hours.is_open(restaurant.trading, ZoneInfo(restaurant.timezone), at)

    def next_opening(self, restaurant: Restaurant, after: datetime) -> datetime | None:
        """Return the first instant from `after` on at which it is open, in UTC, or None."""
        return hours.next_opening(restaurant.trading, ZoneInfo(restaurant.timezone), after)

    def covers(self, restaurant: Restaurant, windows: tuple[Window, ...], at: datetime) -> bool:
        """Whether any of an item's windows contains that instant."""
        return hours.covers(windows, ZoneInfo(restaurant.timezone), at)

    def due(
        self, restaurant: Restaurant, fulfilment: FulfilmentType, wanted: datetime | None, now: datetime
    ) -> datetime | FieldError:
        """Return when an order made now will be due, or why it cannot be; `wanted` None is as soon as possible."""
        return slots.due(restaurant.trading, ZoneInfo(restaurant.timezone), fulfilment, wanted, now)

    def choices(self, restaurant: Restaurant, fulfilment: FulfilmentType, now: datetime) -> list[datetime]:
        """Return the starts of the slots that a guest can choose now."""
        return slots.choices(restaurant.trading, ZoneInfo(restaurant.timezone), fulfilment, now)

    def slot_of(self, restaurant: Restaurant, due_at: datetime) -> datetime:
        """Return the start of the kitchen slot in which the due time lies."""
        return slots.slot_of(restaurant.trading, ZoneInfo(restaurant.timezone), due_at)

    def day_of(self, restaurant: Restaurant, at: datetime) -> date:
        """Return the date of the restaurant's calendar, by which daily stock is counted."""
        return at.astimezone(ZoneInfo(restaurant.timezone)).date()

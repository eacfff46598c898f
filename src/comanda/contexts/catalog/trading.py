"""Whether the way a restaurant sells makes sense: pure rules, told field by field."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from comanda.contexts.catalog.menus import MAX_PRICE, window_errors
from comanda.contracts.catalog import Trading
from comanda.engine.errors import FieldError

SLOT_MINUTES = (5, 10, 15, 20, 30, 60)
MAX_DAYS_AHEAD = 60
MAX_LEAD_MINUTES = 7 * 24 * 60
MAX_TAX_BASIS_POINTS = 10_000
MAX_EXCEPTIONS = 400
MAX_AREAS = 200
MAX_CAPACITY = 1_000_000


def trading_errors(trading: Trading, path: str = "trading") -> list[FieldError]:
    """Return what is wrong; nothing means that it can be kept."""
    errors = window_errors(trading.hours, f"{path}.hours")
    for number, exception in enumerate(trading.exceptions):
        errors += window_errors(exception.windows, f"{path}.exceptions.{number}.windows")
    days = [exception.day for exception in trading.exceptions]
    expectations = (
        (len(days) == len(set(days)), "exceptions", "A date has one exception at most."),
        (len(days) <= MAX_EXCEPTIONS, "exceptions", f"At most {MAX_EXCEPTIONS} exceptions."),
        (bool(trading.fulfilments), "fulfilments", "Offer at least one of pickup, delivery and dine_in."),
        (
            all(0 <= minutes <= MAX_LEAD_MINUTES for minutes in trading.lead_minutes.values()),
            "lead_minutes",
            "A lead time is between 0 minutes and a week.",
        ),
        (trading.slot_minutes in SLOT_MINUTES, "slot_minutes", "A slot is 5, 10, 15, 20, 30 or 60 minutes long."),
        (
            trading.slot_capacity is None or 0 <= trading.slot_capacity <= MAX_CAPACITY,
            "slot_capacity",
            f"A slot's capacity is between 0 and {MAX_CAPACITY} orders.",
        ),
        (0 <= trading.days_ahead <= MAX_DAYS_AHEAD, "days_ahead", f"Between 0 and {MAX_DAYS_AHEAD} days."),
        (
            0 <= trading.tax_basis_points <= MAX_TAX_BASIS_POINTS,
            "tax_basis_points",
            "A tax is between 0 and 10000 hundredths of a percent.",
        ),
        (len(trading.delivery_areas) <= MAX_AREAS, "delivery_areas", f"At most {MAX_AREAS} areas."),
        (
            len({area.id for area in trading.delivery_areas}) == len(trading.delivery_areas),
            "delivery_areas",
            "Each area has an id of its own.",
        ),
        (
            all(0 <= amount <= MAX_PRICE for area in trading.delivery_areas for amount in (area.fee, area.minimum)),
            "delivery_areas",
            f"Fees and minimums are between 0 and {MAX_PRICE} minor units.",
        ),
    )
    return errors + [FieldError(f"{path}.{name}", message) for holds, name, message in expectations if not holds]


def known_zone(name: str) -> bool:
    """Whether this is a zone of the IANA time zone database, such as Europe/Berlin."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True

"""Money and times as guests read them: in the restaurant's currency, language and zone."""

import itertools
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_currency, get_currency_precision

DEFAULT_LOCALE = "en"
DEFAULT_ZONE = "UTC"


@lru_cache(maxsize=4096)
def money(amount: int, currency: str, locale: str = DEFAULT_LOCALE) -> str:
    """Return `amount` minor units as money: `money(1250, "EUR", "en")` is `€12.50`."""
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    return format_currency(value, currency, locale=_locale(locale))


@lru_cache(maxsize=256)
def decimal_money(amount: int, currency: str) -> str:
    """Return `amount` minor units as a plain decimal, for the value of an input field: `12.50`."""
    return str(Decimal(amount).scaleb(-get_currency_precision(currency)))


def clock_time(at: datetime, zone: str, locale: str = DEFAULT_LOCALE) -> str:
    """Return the time of day in the zone: `18:30`, or `6:30 PM` where people say it so."""
    return format_time(at.astimezone(_zone(zone)), "short", locale=_locale(locale))


def long_day(at: datetime, zone: str, locale: str = DEFAULT_LOCALE) -> str:
    """Return the day in the zone with its weekday: `Tuesday, 24 November`."""
    return format_date(at.astimezone(_zone(zone)), "EEEE, d MMMM", locale=_locale(locale))


def day_and_time(at: datetime, zone: str, locale: str = DEFAULT_LOCALE) -> str:
    """Return day and time of day in the zone: `24 Nov, 18:30`."""
    day = format_date(at.astimezone(_zone(zone)), "d MMM", locale=_locale(locale))
    return f"{day}, {clock_time(at, zone, locale)}"


def by_day(times: Iterable[datetime], zone: str, locale: str = DEFAULT_LOCALE) -> list[tuple[str, list[datetime]]]:
    """Return the times, which are in order, by their days in the zone."""
    days = itertools.groupby(times, key=lambda at: at.astimezone(_zone(zone)).date())
    grouped = [list(of_day) for _, of_day in days]
    return [(long_day(of_day[0], zone, locale), of_day) for of_day in grouped]


def filters() -> dict[str, Any]:
    """Return the template filters. Where a page names no `locale` or `timezone` of its own, its context's hold."""

    @jinja2.pass_context
    def money_filter(context: jinja2.runtime.Context, amount: int, currency: str | None = None) -> str:
        return money(amount, currency or str(context["currency"]), _setting(context, "locale", DEFAULT_LOCALE))

    @jinja2.pass_context
    def time_filter(context: jinja2.runtime.Context, at: datetime) -> str:
        return clock_time(at, _setting(context, "timezone", DEFAULT_ZONE), _setting(context, "locale", DEFAULT_LOCALE))

    @jinja2.pass_context
    def day_filter(context: jinja2.runtime.Context, at: datetime) -> str:
        return long_day(at, _setting(context, "timezone", DEFAULT_ZONE), _setting(context, "locale", DEFAULT_LOCALE))

    @jinja2.pass_context
    def moment_filter(context: jinja2.runtime.Context, at: datetime) -> str:
        zone = _setting(context, "timezone", DEFAULT_ZONE)
        return day_and_time(at, zone, _setting(context, "locale", DEFAULT_LOCALE))

    @jinja2.pass_context
    def by_day_filter(context: jinja2.runtime.Context, times: Iterable[datetime]) -> list[tuple[str, list[datetime]]]:
        return by_day(times, _setting(context, "timezone", DEFAULT_ZONE), _setting(context, "locale", DEFAULT_LOCALE))

    return {
        "by_day": by_day_filter,
        "money": money_filter,
        "decimal_money": decimal_money,
        "clock_time": time_filter,
        "long_day": day_filter,
        "moment": moment_filter,
    }


def _setting(context: jinja2.runtime.Context, name: str, default: str) -> str:
    return str(context.get(name) or default)


@lru_cache(maxsize=128)
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(DEFAULT_LOCALE)


@lru_cache(maxsize=128)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)

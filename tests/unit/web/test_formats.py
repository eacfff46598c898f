"""Money and times as guests read them."""

from datetime import UTC, datetime

import pytest

from comanda.web.formats import clock_time, day_and_time, decimal_money, long_day, money

AT = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (1250, "EUR", "en", "€12.50"),
        (123456, "EUR", "de-DE", "1.234,56\N{NO-BREAK SPACE}€"),
        (1250, "JPY", "en", "¥1,250"),
        (-5, "USD", "en_US", "-$0.05"),
        (1250, "EUR", "no such locale", "€12.50"),
    ],
)
def test_money_has_the_currencys_own_decimals(amount: int, currency: str, locale: str, text: str) -> None:
    """Minor units become money of the currency, in the words of the locale."""
    assert money(amount, currency, locale) == text


def test_plain_decimals_for_fields() -> None:
    """Input fields get plain decimals."""
    assert (decimal_money(1205, "EUR"), decimal_money(1205, "JPY")) == ("12.05", "1205")


def test_times_are_the_restaurants() -> None:
    """A late evening in UTC is the next day's morning in Tokyo."""
    assert clock_time(AT, "Asia/Tokyo", "de") == "08:30"
    assert long_day(AT, "Asia/Tokyo", "en") == "Wednesday, 25 November"
    assert day_and_time(AT, "Europe/Berlin", "de") == "25 Nov., 00:30"

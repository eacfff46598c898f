"""Conditions as a sentence in plain English, so that a marketer sees what was asked for. Pure.

"ordered at least twice in the last 60 days, never had a delivery, and opted in".
"""

from collections.abc import Sequence
from typing import assert_never

from comanda.contexts.campaigns.conditions import (
    Attribute,
    Condition,
    Conditions,
    Domain,
    Engaged,
    Fulfilled,
    Given,
    Group,
    Match,
    OrderAge,
    OrderDate,
    OrderedTimes,
    Orders,
    Spent,
    Zone,
)
from comanda.contracts.catalog import FulfilmentType
from comanda.web.formats import DEFAULT_LOCALE, money

TIMES = {1: "once", 2: "twice"}
ONE: dict[FulfilmentType, str] = {"delivery": "a delivery", "pickup": "a pickup", "dine_in": "a meal at the table"}
MANY: dict[FulfilmentType, str] = {"delivery": "deliveries", "pickup": "pickups", "dine_in": "meals at the table"}


def sentence(conditions: Conditions, *, currency: str, locale: str = DEFAULT_LOCALE) -> str:
    """Return who the audience is, in words that follow on "Customers who", amounts in the restaurant's currency."""
    words = _Words(currency, locale)
    parts = [
        _joined(each.match, [words.of(inner) for inner in each.of]) if isinstance(each, Group) else words.of(each)
        for each in conditions.of
    ]
    if conditions.match != "all" and parts:
        parts = [_joined(conditions.match, parts)]
    return listed([*parts, "opted in"], "and")


def listed(parts: Sequence[str], word: str) -> str:
    """Return the parts as people list them: "a", "a and b", "a, b, and c"."""
    if len(parts) <= 2:  # noqa: PLR2004 - two need no comma
        return f" {word} ".join(parts)
    return f"{', '.join(parts[:-1])}, {word} {parts[-1]}"


def _joined(match: Match, parts: Sequence[str]) -> str:
    if match == "none":
        return f"neither {listed(parts, 'nor')}" if len(parts) > 1 else f"not ({''.join(parts)})"
    if len(parts) <= 1:
        return "".join(parts)
    return f"either {listed(parts, 'or')}" if match == "any" else f"({listed(parts, 'and')})"


def _times(how: str, count: int) -> str:
    return f"{how.replace('_', ' ')} {TIMES.get(count, f'{count} times')}"


def _in_days(days: int) -> str:
    return "in the last day" if days == 1 else f"in the last {days} days"


class _Words:
    """Says conditions one by one."""

    def __init__(self, currency: str, locale: str) -> None:
        self._currency = currency
        self._locale = locale

    def of(self, condition: Condition) -> str:  # noqa: C901, PLR0911 - a case for each kind
        match condition:
            case Orders():
                never = not condition.count and condition.how != "at_least"
                return "never ordered" if never else f"ordered {_times(condition.how, condition.count)}"
            case Spent():
                return f"spent {condition.how.replace('_', ' ')} {self._money(condition.amount)} in all"
            case OrderAge():
                days = _in_days(condition.days)
                ago = days if condition.how == "within" else f"more than {days.removeprefix('in the last ')} ago"
                return f"{condition.which} ordered {ago}"
            case OrderDate():
                on = "on or after" if condition.how == "since" else "before"
                return f"{condition.which} ordered {on} {condition.day.day} {condition.day:%B %Y}"
            case OrderedTimes():
                return self._ordered_times(condition)
            case Fulfilled():
                return _fulfilled(condition)
            case Given():
                what = "name" if condition.what == "name" else "phone number"
                return f"gave {'a' if condition.how == 'known' else 'no'} {what}"
            case Domain():
                return f"{'have an' if condition.how == 'is' else 'have no'} address at {condition.domain.lower()}"
            case Zone():
                return _zone(condition)
            case Attribute():
                return _attribute(condition)
            case Engaged():
                verbs = {"opened": ("opened", "open"), "clicked": ("clicked in", "click in")}[condition.what]
                days = _in_days(condition.days).replace("in the", "of the")
                did = condition.how == "did"
                return f"{verbs[0]} a campaign {days}" if did else f"did not {verbs[1]} any campaign {days}"
            case _:
                assert_never(condition)

    def _money(self, amount: int) -> str:
        return money(amount, self._currency, self._locale)

    def _ordered_times(self, condition: OrderedTimes) -> str:
        verb = f"had {ONE[condition.fulfilment]}" if condition.fulfilment else "ordered"
        never = not condition.count and condition.how != "at_least"
        base = f"never {verb}" if never else f"{verb} {_times(condition.how, condition.count)}"
        over = f" for more than {self._money(condition.total_over)}" if condition.total_over is not None else ""
        return f"{base}{over} {_in_days(condition.days)}"


def _fulfilled(condition: Fulfilled) -> str:
    if condition.how == "only":
        return f"only ever had {MANY[condition.by]}"
    return f"{'never had' if condition.how == 'never' else 'had'} {ONE[condition.by]}"


def _zone(condition: Zone) -> str:
    if not condition.zone:
        return f"have {'no' if condition.how == 'is' else 'a'} time zone of their own"
    return f"{'live' if condition.how == 'is' else 'do not live'} in the time zone {condition.zone}"


def _attribute(condition: Attribute) -> str:
    name, value = f"“{condition.name}”", condition.value
    said = ("yes" if value else "no") if isinstance(value, bool) else f"“{value}”" if isinstance(value, str) else value
    match condition.how:
        case "exists" | "missing":
            return f"have {'a' if condition.how == 'exists' else 'no'} value in {name}"
        case "contains":
            return f"have {said} within {name}"
        case "is" | "is_not":
            return f"{'have' if condition.how == 'is' else 'do not have'} {said} in {name}"
        case "more_than" | "less_than":
            return f"have {condition.how.replace('_', ' ')} {said} in {name}"
        case _:
            assert_never(condition.how)

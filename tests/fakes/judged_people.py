"""People in memory, and what conditions say of them in plain Python: PostgreSQL's answers are held against it."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple, assert_never
from uuid import UUID

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

FULFILMENTS = ("delivery", "pickup", "dine_in")


class OrderMade(NamedTuple):
    """A paid order."""

    placed_at: datetime
    fulfilment: str
    total: int
    refunded: int = 0


class Mark(NamedTuple):
    """That a mail of a campaign was opened or clicked in; `times` is 0 where only robots did."""

    what: str
    started_at: datetime
    times: int


class JudgedPerson(NamedTuple):
    """Somebody, with all that conditions ask about."""

    id: UUID
    domain: str
    zone: str
    name: str
    phone: str
    consent_at: datetime | None
    unsubscribed_at: datetime | None
    suppressed: bool
    attributes: Mapping[str, Any]
    orders: tuple[OrderMade, ...]
    marks: tuple[Mark, ...] = ()


def reachable(person: JudgedPerson) -> bool:
    """Whether somebody may be mailed at all."""
    return person.consent_at is not None and person.unsubscribed_at is None and not person.suppressed


def matches(conditions: Conditions, person: JudgedPerson, now: datetime) -> bool:
    """Whether the conditions hold of somebody, consent apart."""
    told = [
        _joined(each.match, [holds(inner, person, now) for inner in each.of])
        if isinstance(each, Group)
        else holds(each, person, now)
        for each in conditions.of
    ]
    return _joined(conditions.match, told)


def _joined(match: Match, told: list[bool]) -> bool:
    if not told:
        return True
    return {"all": all(told), "any": any(told), "none": not any(told)}[match]


def _compares(how: str, number: int, wanted: int) -> bool:
    return {"at_least": number >= wanted, "at_most": number <= wanted, "exactly": number == wanted}[how]


def holds(condition: Condition, person: JudgedPerson, now: datetime) -> bool:  # noqa: C901, PLR0911, PLR0912 - a case each
    """Whether one condition holds of somebody."""
    orders = person.orders
    match condition:
        case Orders():
            return _compares(condition.how, len(orders), condition.count)
        case Spent():
            return _compares(condition.how, sum(order.total - order.refunded for order in orders), condition.amount)
        case OrderAge() | OrderDate():
            if isinstance(condition, OrderAge):
                since = now - timedelta(days=condition.days)
            else:
                since = datetime.combine(condition.day, time(), now.tzinfo)
            moments = [order.placed_at for order in orders]
            if not moments:
                return False
            moment = min(moments) if condition.which == "first" else max(moments)
            return moment >= since if condition.how in {"within", "since"} else moment < since
        case OrderedTimes():
            counted = [
                order
                for order in orders
                if order.placed_at >= now - timedelta(days=condition.days)
                and condition.fulfilment in {None, order.fulfilment}
                and (condition.total_over is None or order.total > condition.total_over)
            ]
            return _compares(condition.how, len(counted), condition.count)
        case Fulfilled():
            number = sum(order.fulfilment == condition.by for order in orders)
            only = bool(orders) and number == len(orders)
            return {"ever": number > 0, "never": number == 0, "only": only}[condition.how]
        case Given():
            return bool(person.name if condition.what == "name" else person.phone) == (condition.how == "known")
        case Domain():
            return (person.domain == condition.domain.lower()) == (condition.how == "is")
        case Zone():
            return (person.zone == condition.zone) == (condition.how == "is")
        case Attribute():
            return _attribute_holds(condition, person.attributes.get(condition.name))
        case Engaged():
            since = now - timedelta(days=condition.days)
            did = any(
                mark.what == condition.what and mark.times > 0 and mark.started_at >= since for mark in person.marks
            )
            return did == (condition.how == "did")
        case _:
            assert_never(condition)


def _attribute_holds(condition: Attribute, value: Any) -> bool:
    wanted: Any = condition.value
    match condition.how:
        case "exists" | "missing":
            return (value is not None) == (condition.how == "exists")
        case "is" | "is_not":
            # True is 1 in Python, and is not in JSON.
            same = isinstance(value, bool) == isinstance(wanted, bool) and value == wanted
            return same == (condition.how == "is")
        case "contains":
            is_text = isinstance(value, str)
            return wanted.lower() in value.lower() if is_text else isinstance(value, list) and wanted in value
        case "more_than" | "less_than":
            comparable = isinstance(value, str | int | float) and not isinstance(value, bool)
            if not comparable or isinstance(wanted, str) != isinstance(value, str):
                return False
            return bool(value > wanted if condition.how == "more_than" else value < wanted)
        case _:
            assert_never(condition.how)

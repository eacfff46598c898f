"""Conditions as one parametrised piece of SQL about a row `p` of `campaigns.people`.

Whatever somebody has typed travels as a parameter. Each condition is true or false of a person, never null, so that
"none of these" means what it says. Subqueries stand inside `(…) IS TRUE`: there PostgreSQL runs them once for each row
it looks at and cannot turn them into joins, for which it would give up the order of the index that it reads.
"""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, assert_never

import msgspec

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

REACHABLE = (
    "p.consent_at IS NOT NULL AND p.unsubscribed_at IS NULL"
    " AND (NOT EXISTS (SELECT FROM campaigns.suppressions s"
    " WHERE s.restaurant_id = $1 AND s.customer_id = p.id)) IS TRUE"
)
"""Who may be mailed at all."""

SIGNS = {"at_least": ">=", "at_most": "<=", "exactly": "="}
COLUMNS = {"delivery": "p.deliveries", "pickup": "p.pickups", "dine_in": "p.dine_ins"}
MOMENTS = {"first": "p.first_order_at", "last": "p.last_order_at"}


class Compiled(NamedTuple):
    """Conditions as SQL about `campaigns.people p` at the restaurant whose id is the query's `$1`.

    Attributes:
        where: the conditions, and that the person may be mailed.
        matching: the conditions alone, for those who cannot be mailed to be counted.
        arguments: what the parameters are, from the first one on.
    """

    where: str
    matching: str
    arguments: tuple[Any, ...]


def compiled(conditions: Conditions, *, now: datetime, first_parameter: int) -> Compiled:
    """Return the conditions as SQL whose parameters are numbered from `first_parameter` on (2 or more).

    `now` is aware, and days begin at midnight in its zone. Whoever reads an audience page by page gives the same `now`
    each time. `$1` must be the restaurant's id, by which the query limits the people.
    """
    compiler = _Compiler(now, first_parameter)
    parts = [
        _joined(each.match, [compiler.condition(inner) for inner in each.of])
        if isinstance(each, Group)
        else compiler.condition(each)
        for each in conditions.of
    ]
    matching = _joined(conditions.match, parts)
    return Compiled(f"{REACHABLE} AND {matching}", matching, tuple(compiler.arguments))


def _joined(match: Match, parts: list[str]) -> str:
    if not parts:
        return "TRUE"
    if match == "all":
        return f"({' AND '.join(parts)})"
    either = f"({' OR '.join(parts)})"
    return either if match == "any" else f"(NOT {either})"


class _Compiler:
    """Writes conditions one by one, and collects their parameters."""

    def __init__(self, now: datetime, first_parameter: int) -> None:
        self._now = now
        self._first = first_parameter
        self.arguments: list[Any] = []

    def condition(self, condition: Condition) -> str:  # noqa: C901, PLR0911 - a case for each kind
        """Return SQL that is true or false."""
        match condition:
            case Orders():
                return f"p.orders {SIGNS[condition.how]} {self._parameter(condition.count, 'int')}"
            case Spent():
                return f"p.spent {SIGNS[condition.how]} {self._parameter(condition.amount, 'bigint')}"
            case OrderAge():
                since = self._days_ago(condition.days)
                sign = ">=" if condition.how == "within" else "<"
                return f"coalesce({MOMENTS[condition.which]} {sign} {since}, false)"
            case OrderDate():
                midnight = datetime.combine(condition.day, time(), self._now.tzinfo)
                sign = ">=" if condition.how == "since" else "<"
                return f"coalesce({MOMENTS[condition.which]} {sign} {self._parameter(midnight, 'timestamptz')}, false)"
            case OrderedTimes():
                return self._ordered_times(condition)
            case Fulfilled():
                return _fulfilled(condition)
            case Given():
                return f"p.{condition.what} {'<>' if condition.how == 'known' else '='} ''"
            case Domain():
                return f"p.domain {_is(condition.how)} {self._parameter(condition.domain.lower(), 'text')}"
            case Zone():
                return f"p.zone {_is(condition.how)} {self._parameter(condition.zone, 'text')}"
            case Attribute():
                return self._attribute(condition)
            case Engaged():
                return self._engaged(condition)
            case _:
                assert_never(condition)

    def _parameter(self, value: object, kind: str) -> str:
        self.arguments.append(value)
        return f"${self._first + len(self.arguments) - 1}::{kind}"

    def _days_ago(self, days: int) -> str:
        return self._parameter(self._now - timedelta(days=days), "timestamptz")

    def _ordered_times(self, condition: OrderedTimes) -> str:
        """Return the count's comparison, behind what decides most people without looking at their orders."""
        count, since = self._parameter(condition.count, "int"), self._days_ago(condition.days)
        limits = [f"o.customer_id = p.id AND o.placed_at >= {since}"]
        if condition.fulfilment is not None:
            limits.append(f"o.fulfilment = {self._parameter(condition.fulfilment, 'text')}")
        if condition.total_over is not None:
            limits.append(f"o.total > {self._parameter(condition.total_over, 'bigint')}")
        orders = f"(SELECT count(*) FROM campaigns.people_orders o WHERE {' AND '.join(limits)})"
        recent = f"coalesce(p.last_order_at >= {since}, false)"
        if condition.how == "at_least" and not condition.count:
            # Everybody has that many, whoever has never ordered too.
            return f"{orders} >= {count}"
        if condition.how == "at_most" or not condition.count:
            # At most, or exactly none.
            return f"(p.orders <= {count} OR NOT {recent} OR {orders} <= {count})"
        return f"(p.orders >= {count} AND {recent} AND {orders} {SIGNS[condition.how]} {count})"

    def _attribute(self, condition: Attribute) -> str:
        value = f"(p.attributes -> {self._parameter(condition.name, 'text')})"
        as_text = f"({value} #>> '{{}}')"
        if condition.how in {"exists", "missing"}:
            return f"coalesce({value}, 'null') {'<>' if condition.how == 'exists' else '='} 'null'::jsonb"
        if condition.how in {"is", "is_not"}:
            wanted = self._parameter(msgspec.json.encode(condition.value).decode(), "jsonb")
            return f"{value} IS {'NOT ' if condition.how == 'is' else ''}DISTINCT FROM {wanted}"
        if condition.how == "contains":
            wanted = self._parameter(condition.value, "text")
            return (
                f"CASE jsonb_typeof({value}) WHEN 'string' THEN strpos(lower({as_text}), lower({wanted})) > 0"
                f" WHEN 'array' THEN {value} @> to_jsonb({wanted}) ELSE false END"
            )
        sign = ">" if condition.how == "more_than" else "<"
        if isinstance(condition.value, str):
            compared = f'{as_text} COLLATE "C" {sign} {self._parameter(condition.value, "text")}'
            return f"CASE jsonb_typeof({value}) WHEN 'string' THEN {compared} ELSE false END"
        compared = f"{as_text}::numeric {sign} {self._parameter(Decimal(str(condition.value)), 'numeric')}"
        return f"CASE jsonb_typeof({value}) WHEN 'number' THEN {compared} ELSE false END"

    def _engaged(self, condition: Engaged) -> str:
        """Return whether there is a mark of the person in one of the campaigns: each is looked up by its number."""
        table = "campaigns.openings" if condition.what == "opened" else "campaigns.clicks"
        found = (
            "EXISTS (SELECT FROM campaigns.deliveries d"
            f" JOIN {table} m ON m.campaign = d.campaign AND m.recipient = d.recipient"
            " WHERE d.customer_id = p.id AND m.times > 0 AND d.campaign = ANY (ARRAY("
            "SELECT c.number FROM campaigns.campaigns c"
            f" WHERE c.restaurant_id = $1 AND c.started_at >= {self._days_ago(condition.days)})))"
        )
        return f"({'' if condition.how == 'did' else 'NOT '}{found}) IS TRUE"


def _fulfilled(condition: Fulfilled) -> str:
    column = COLUMNS[condition.by]
    if condition.how == "only":
        return f"({column} > 0 AND {column} = p.orders)"
    return f"{column} {'>' if condition.how == 'ever' else '='} 0"


def _is(how: str) -> str:
    return "=" if how == "is" else "<>"

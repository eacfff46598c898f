"""Conditions are said in plain English, and nonsense is told from sense."""

from datetime import date
from typing import Any

import pytest

from comanda.contexts.campaigns.condition_rules import problems
from comanda.contexts.campaigns.condition_words import sentence
from comanda.contexts.campaigns.conditions import (
    EVERYBODY,
    MAX_CONDITIONS,
    Attribute,
    Conditions,
    Domain,
    Engaged,
    Fulfilled,
    Given,
    Group,
    OrderAge,
    OrderDate,
    OrderedTimes,
    Orders,
    Spent,
    Zone,
    conditions_in,
    parse,
)
from comanda.engine.errors import Refused

TODAY = date(2025, 6, 2)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "vip": {"type": "boolean"},
        "visits": {"type": "integer", "minimum": 0},
        "city": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "size": {"enum": ["S", "M"]},
    },
    "required": ["vip"],
    "additionalProperties": False,
}
TWICE = OrderedTimes(how="at_least", count=2, days=60)
NEVER_DELIVERED = Fulfilled(how="never", by="delivery")


def said(*of: Any, match: Any = "all") -> str:
    """Return the sentence without its end."""
    text = sentence(Conditions(match=match, of=of), currency="EUR")
    assert text.endswith(" and opted in"), text
    return text.removesuffix(" and opted in").removesuffix(",")


def test_the_sentence_of_the_issue() -> None:
    """Ordered twice in sixty days, never a delivery, opted in."""
    conditions = Conditions(of=(TWICE, NEVER_DELIVERED))
    assert sentence(conditions, currency="EUR") == (
        "ordered at least twice in the last 60 days, never had a delivery, and opted in"
    )
    assert sentence(EVERYBODY, currency="EUR") == "opted in"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Orders(how="at_most", count=0), "never ordered"),
        (Orders(how="exactly", count=1), "ordered exactly once"),
        (Orders(how="at_least", count=3), "ordered at least 3 times"),
        (Spent(how="at_least", amount=5000), "spent at least €50.00 in all"),
        (OrderAge(which="last", how="within", days=1), "last ordered in the last day"),
        (OrderAge(which="first", how="longer_ago", days=90), "first ordered more than 90 days ago"),
        (OrderDate(which="last", how="since", day=date(2025, 5, 1)), "last ordered on or after 1 May 2025"),
        (OrderDate(which="first", how="before", day=date(2025, 5, 1)), "first ordered before 1 May 2025"),
        (OrderedTimes(how="exactly", count=0, days=30), "never ordered in the last 30 days"),
        (
            OrderedTimes(how="at_least", count=2, days=30, fulfilment="pickup", total_over=3000),
            "had a pickup at least twice for more than €30.00 in the last 30 days",
        ),
        (Fulfilled(how="only", by="dine_in"), "only ever had meals at the table"),
        (Fulfilled(how="ever", by="delivery"), "had a delivery"),
        (Given(what="phone", how="unknown"), "gave no phone number"),
        (Domain(how="is_not", domain="Gmail.com"), "have no address at gmail.com"),
        (Zone(how="is", zone="Europe/Rome"), "live in the time zone Europe/Rome"),
        (Zone(how="is", zone=""), "have no time zone of their own"),
        (Attribute(name="vip", how="is", value=True), "have yes in “vip”"),
        (Attribute(name="city", how="contains", value="Ro"), "have “Ro” within “city”"),
        (Attribute(name="visits", how="more_than", value=3), "have more than 3 in “visits”"),
        (Attribute(name="visits", how="missing"), "have no value in “visits”"),
        (Engaged(what="opened", how="did", days=30), "opened a campaign of the last 30 days"),
        (Engaged(what="clicked", how="did_not", days=30), "did not click in any campaign of the last 30 days"),
    ],
)
def test_each_condition_has_its_words(condition: Any, words: str) -> None:
    """As they follow on "Customers who"."""
    assert said(condition) == words


def test_groups_are_said_so_that_they_cannot_be_misread() -> None:
    """All, any and none, at the top and inside."""
    a, b = Orders(how="at_least", count=1), NEVER_DELIVERED
    once, never = "ordered at least once", "never had a delivery"
    assert said(a, b, match="any") == f"either {once} or {never}"
    assert said(a, b, match="none") == f"neither {once} nor {never}"
    assert said(a, match="none") == f"not ({once})"
    assert said(Group(match="any", of=(a, b)), a) == f"either {once} or {never}, {once}"
    assert said(Group(match="all", of=(a, b)), b, match="any") == f"either ({once} and {never}) or {never}"


@pytest.mark.parametrize(
    ("condition", "path", "words"),
    [
        (Orders(how="at_least", count=0), "of.0.count", "Everybody"),
        (OrderedTimes(how="at_least", count=0, days=1), "of.0.count", "Everybody"),
        (Spent(how="at_least", amount=0), "of.0.amount", "Everybody"),
        (OrderDate(which="last", how="since", day=date(2025, 6, 3)), "of.0.day", "still to come"),
        (Domain(how="is", domain="ana@example.com"), "of.0.domain", "behind the @"),
        (Domain(how="is", domain="example"), "of.0.domain", "behind the @"),
        (Zone(how="is", zone="Rome"), "of.0.zone", "no such time zone"),
        (Group(match="any", of=()), "of.0", "empty"),
        (Group(match="any", of=(TWICE, Orders(how="at_least", count=0))), "of.0.of.1.count", "Everybody"),
        (Attribute(name="town", how="is", value="Rome"), "of.0.name", "There are: vip, visits"),
        (Attribute(name="city", how="exists", value="Rome"), "of.0.value", "takes no value"),
        (Attribute(name="city", how="is", value=None), "of.0.value", "Write a value"),
        (Attribute(name="city", how="is", value="a\0b"), "of.0.value", "cannot be stored"),
        (Attribute(name="visits", how="is", value="three"), "of.0.value", "whole number"),
        (Attribute(name="visits", how="is", value=-1), "of.0.value", "0 or more"),
        (Attribute(name="size", how="is_not", value="XL"), "of.0.value", "Choose one of"),
        (Attribute(name="visits", how="more_than", value="3"), "of.0.value", "number"),
        (Attribute(name="city", how="less_than", value=3), "of.0.value", "text"),
        (Attribute(name="vip", how="more_than", value=3), "of.0.value", "Only numbers"),
        (Attribute(name="vip", how="more_than", value=True), "of.0.value", "Yes and no"),
        (Attribute(name="vip", how="contains", value="x"), "of.0.value", "Only a text or a list"),
        (Attribute(name="city", how="contains", value=""), "of.0.value", "Write the text"),
        (Attribute(name="visits", how="more_than", value=float("inf")), "of.0.value", "Write a number"),
    ],
)
def test_nonsense_is_told(condition: Any, path: str, words: str) -> None:
    """With the field that it stands in, in words that say what to do."""
    (problem,) = problems(Conditions(of=(condition,)), schema=SCHEMA, today=TODAY)
    assert problem.path == path
    assert words in problem.message


def test_sense_passes() -> None:
    """What fits the schema, what has none, and as many conditions as there may be."""
    sensible = (
        Attribute(name="vip", how="is", value=True),
        Attribute(name="visits", how="less_than", value=2.5),
        Attribute(name="tags", how="contains", value="x"),
        Attribute(name="city", how="missing"),
        OrderDate(which="last", how="since", day=TODAY),
        Domain(how="is", domain="mail.example.co.uk"),
        Zone(how="is", zone=""),
        Orders(how="at_most", count=0),
    )
    assert problems(Conditions(of=sensible), schema=SCHEMA, today=TODAY) == []
    anything = Conditions(of=(Attribute(name="whatever", how="is", value="x"),))
    assert problems(anything, schema={}, today=TODAY) == []
    most = Conditions(of=(Group(match="any", of=(TWICE,) * (MAX_CONDITIONS - 1)), TWICE))
    assert problems(most, schema={}, today=TODAY) == []
    more = Conditions(of=(*most.of, TWICE))
    assert [problem.path for problem in problems(more, schema={}, today=TODAY)] == ["of"]
    assert len(conditions_in(more)) == MAX_CONDITIONS + 1


@pytest.mark.parametrize(
    "json",
    [
        {"match": "some"},
        {"of": [{"kind": "orders", "how": "at_least", "count": 10_001}]},
        {"of": [{"kind": "orders", "how": "about", "count": 1}]},
        {"of": [{"kind": "planted"}]},
        {"of": [{"how": "at_least"}]},
        {"of": [{"kind": "group", "match": "all", "of": [{"kind": "group", "match": "all", "of": []}]}]},
        {"of": [{"kind": "order_age", "which": "last", "how": "within", "days": 0}]},
        {"of": [{"kind": "attribute", "name": "", "how": "exists"}]},
        {"of": 1},
    ],
)
def test_what_cannot_be_read_is_refused(json: dict[str, Any]) -> None:
    """Unknown kinds, numbers out of range, groups in groups."""
    with pytest.raises(Refused) as refused:
        parse(json)
    assert refused.value.kind == "invalid"

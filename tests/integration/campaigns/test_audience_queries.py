"""Conditions mean to PostgreSQL what they mean in plain Python, of any people."""

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from comanda.contexts.campaigns.condition_sql import compiled
from comanda.contexts.campaigns.conditions import (
    EVERYBODY,
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
    parse,
    stored,
)
from comanda.engine.database import Database
from tests.fakes.audience_people import write_people
from tests.fakes.clock import START
from tests.fakes.judged_people import FULFILMENTS, JudgedPerson, Mark, OrderMade, matches, reachable
from tests.fakes.orders import RESTAURANT

NOW = START.astimezone(ZoneInfo("Pacific/Auckland"))
"""In a zone whose days begin at other times than those of UTC."""

DAYS = st.sampled_from([1, 2, 30, 60])
MOMENTS = st.sampled_from([timedelta(0), timedelta(hours=13), timedelta(days=1), timedelta(days=2), timedelta(days=31)])
PLACES = ["example.org", "gmail.com"]
ZONES = ["", "Europe/Rome"]
NAMES = ["vip", "n", "it's"]
VALUES: list[Any] = [None, True, False, 0, 1, 2.5, -3, "", "a", "A", "ab", "%", "1", "true", 'q"\\', ["a", 1], {"a": 1}]
SIMPLE: list[Any] = [value for value in VALUES if not isinstance(value, list | dict | None)]

HOW_MANY = st.sampled_from(["at_least", "at_most", "exactly"])
COUNTS = st.integers(0, 3)
AMOUNTS = st.sampled_from([0, 999, 1000, 1001, 2000])

CONDITION = st.one_of(
    st.builds(Orders, how=HOW_MANY, count=COUNTS),
    st.builds(Spent, how=st.sampled_from(["at_least", "at_most"]), amount=AMOUNTS),
    st.builds(
        OrderAge, which=st.sampled_from(["first", "last"]), how=st.sampled_from(["within", "longer_ago"]), days=DAYS
    ),
    st.builds(
        OrderDate,
        which=st.sampled_from(["first", "last"]),
        how=st.sampled_from(["since", "before"]),
        day=st.sampled_from([date(2025, 6, 2), date(2025, 6, 1), date(2025, 5, 2)]),
    ),
    st.builds(
        OrderedTimes,
        how=HOW_MANY,
        count=st.integers(0, 2),
        days=DAYS,
        fulfilment=st.sampled_from([None, *FULFILMENTS]),
        total_over=st.sampled_from([None, None, 999, 1000, 1000]),
    ),
    st.builds(Fulfilled, how=st.sampled_from(["ever", "never", "only"]), by=st.sampled_from(FULFILMENTS)),
    st.builds(Given, what=st.sampled_from(["name", "phone"]), how=st.sampled_from(["known", "unknown"])),
    st.builds(Domain, how=st.sampled_from(["is", "is_not"]), domain=st.sampled_from(["Example.ORG", "gmail.com"])),
    st.builds(Zone, how=st.sampled_from(["is", "is_not"]), zone=st.sampled_from(ZONES)),
    st.builds(
        Attribute,
        name=st.sampled_from(NAMES),
        how=st.sampled_from(["is", "is_not"]),
        value=st.sampled_from(SIMPLE),
    ),
    st.builds(Attribute, name=st.sampled_from(NAMES), how=st.sampled_from(["exists", "missing"])),
    st.builds(
        Attribute,
        name=st.sampled_from(NAMES),
        how=st.just("contains"),
        value=st.sampled_from([value for value in SIMPLE if isinstance(value, str) and value]),
    ),
    st.builds(
        Attribute,
        name=st.sampled_from(NAMES),
        how=st.sampled_from(["more_than", "less_than"]),
        value=st.sampled_from([value for value in SIMPLE if not isinstance(value, bool)]),
    ),
    st.builds(Engaged, what=st.sampled_from(["opened", "clicked"]), how=st.sampled_from(["did", "did_not"]), days=DAYS),
)
MATCH = st.sampled_from(["all", "any", "none"])
GROUP = st.builds(Group, match=MATCH, of=st.lists(CONDITION, min_size=1, max_size=3).map(tuple))
CONDITIONS = st.builds(Conditions, match=MATCH, of=st.lists(CONDITION | GROUP, max_size=4).map(tuple))

ORDER = st.builds(
    OrderMade,
    placed_at=MOMENTS.map(lambda ago: START - ago),
    fulfilment=st.sampled_from(FULFILMENTS),
    total=st.sampled_from([1000, 1001]),
    refunded=st.sampled_from([0, 1, 1000]),
)
MARK = st.builds(
    Mark,
    what=st.sampled_from(["opened", "clicked"]),
    started_at=MOMENTS.map(lambda ago: START - ago),
    times=st.integers(0, 2),
)
PERSON = st.builds(
    JudgedPerson,
    id=st.uuids(),
    domain=st.sampled_from(PLACES),
    zone=st.sampled_from(ZONES),
    name=st.sampled_from(["", "Ana"]),
    phone=st.sampled_from(["", "+1"]),
    consent_at=st.sampled_from([START, START, None]),
    unsubscribed_at=st.sampled_from([None, None, START]),
    suppressed=st.sampled_from([False, False, True]),
    attributes=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=3),
    orders=st.lists(ORDER, max_size=4).map(tuple),
    marks=st.lists(MARK, max_size=2).map(tuple),
)


NEVER_ORDERED = JudgedPerson(
    id=UUID(int=9),
    domain="example.org",
    zone="",
    name="",
    phone="",
    consent_at=START,
    unsubscribed_at=None,
    suppressed=False,
    attributes={},
    orders=(),
    marks=(),
)
HAS_ORDERED = NEVER_ORDERED._replace(
    id=UUID(int=10), orders=(OrderMade(placed_at=START, fulfilment="delivery", total=1000, refunded=0),)
)


async def found(database: Database, conditions: Conditions) -> tuple[set[UUID], set[UUID]]:
    """Return whom PostgreSQL finds: those to mail, and those of whom the conditions hold."""
    query = compiled(conditions, now=NOW, first_parameter=2)
    sql = "SELECT id FROM campaigns.people p WHERE p.restaurant_id = $1 AND"
    to_mail = await database.fetch(f"{sql} {query.where}", RESTAURANT, *query.arguments)
    matching = await database.fetch(f"{sql} {query.matching}", RESTAURANT, *query.arguments)
    return {row["id"] for row in to_mail}, {row["id"] for row in matching}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    people=[NEVER_ORDERED, HAS_ORDERED],
    asked=[Conditions(of=(OrderedTimes(how=how, count=0, days=1),)) for how in ("at_least", "at_most", "exactly")],
)
@given(people=st.lists(PERSON, max_size=8, unique_by=lambda person: person.id), asked=st.lists(CONDITIONS, max_size=4))
async def test_postgresql_finds_whom_python_finds(
    database: Database, people: list[JudgedPerson], asked: list[Conditions]
) -> None:
    """Random people, random conditions: the same answer from both, with consent and without."""
    await write_people(database, people)
    for conditions in [EVERYBODY, *asked]:
        to_mail, matching = await found(database, conditions)
        assert matching == {person.id for person in people if matches(conditions, person, NOW)}
        assert to_mail == {person.id for person in people if matches(conditions, person, NOW) and reachable(person)}


@given(conditions=CONDITIONS)
def test_what_is_kept_is_what_was_asked(conditions: Conditions) -> None:
    """Through JSON and back, nothing changes."""
    assert parse(msgspec.json.decode(msgspec.json.encode(stored(conditions)))) == conditions


@given(conditions=CONDITIONS, first=st.integers(2, 9))
def test_values_travel_as_parameters(conditions: Conditions, first: int) -> None:
    """Parameters are numbered without a gap, and the SQL has no text but our own in it."""
    query = compiled(conditions, now=NOW, first_parameter=first)
    numbers = {int(number) for number in re.findall(r"\$(\d+)", query.matching)} - {1}
    assert numbers == set(range(first, first + len(query.arguments)))
    literals = set(re.findall(r"'([^']*)'", query.where))
    assert literals <= {"", "null", "string", "array", "number", "{}"}


async def test_people_of_another_restaurants_campaigns_do_not_count(database: Database) -> None:
    """A click in somebody else's campaign is nobody's business here, though the person were the same."""
    person = JudgedPerson(
        id=UUID(int=1),
        domain="example.org",
        zone="",
        name="",
        phone="",
        consent_at=START,
        unsubscribed_at=None,
        suppressed=False,
        attributes={},
        orders=(),
        marks=(Mark("clicked", START, 1),),
    )
    clicked = Conditions(of=(Engaged(what="clicked", how="did", days=30),))
    await write_people(database, [person])
    assert (await found(database, clicked))[0] == {person.id}
    await database.fetch("UPDATE campaigns.campaigns SET restaurant_id = $1", UUID(int=8))
    assert (await found(database, clicked))[0] == set()

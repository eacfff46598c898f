"""Audiences are kept, counted and guarded: by the service, over the API and on the pages."""

import html
import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from comanda.contexts.campaigns import __file__ as campaigns_file
from comanda.contexts.campaigns import audience_store
from comanda.contexts.campaigns.audience_api import CONDITIONS, AudienceApi
from comanda.contexts.campaigns.audience_pages import AudiencePages
from comanda.contexts.campaigns.audiences import AudienceForm, Audiences
from comanda.contexts.campaigns.conditions import EVERYBODY, Conditions, Fulfilled, OrderedTimes, Orders, parse
from comanda.contracts.catalog import Restaurant, RestaurantName
from comanda.contracts.module import Module
from comanda.engine.database import Database, Transaction
from comanda.engine.errors import Refused
from comanda.web.access import StaffMember
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.audience_people import write_people
from tests.fakes.clock import START, FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.ids import SeededIds
from tests.fakes.judged_people import JudgedPerson, OrderMade
from tests.fakes.orders import RESTAURANT

ISSUE = Conditions(of=(OrderedTimes(how="at_least", count=2, days=60), Fulfilled(how="never", by="delivery")))
MARKETER = StaffMember(
    id=UUID(int=1), restaurant_id=RESTAURANT, name="Mia", email="mia@example.org", roles=frozenset({"marketer"})
)
CAMPAIGN = """
INSERT INTO campaigns.campaigns (id, restaurant_id, name, document, state, audience_id, created_at, updated_at)
VALUES (gen_random_uuid(), $1, 'Spring', '{}', $2, $3, now(), now())
"""


class NoRestaurants:
    """Restaurants that have published nothing: defaults hold."""

    async def by_id(self, _restaurant_id: UUID, *, revision: int | None = None) -> Restaurant | None:  # noqa: ARG002
        """Find none."""
        return None

    async def by_slug(self, _slug: str, *, revision: int | None = None) -> Restaurant | None:  # noqa: ARG002
        """Find none."""
        return None

    async def listed(self, _most: int) -> Sequence[RestaurantName]:
        """Have none."""
        return []

    async def revisions(self, _tx: Transaction, _restaurant_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Have none."""
        return {}


class Sessions:
    """A marketer is signed in, and whoever has any other token is nobody."""

    async def member(self, token: str) -> StaffMember | None:
        """Know one token."""
        return MARKETER if token == "marketer" else None


@pytest.fixture
def audiences(database: Database, clock: FakeClock, ids: SeededIds) -> Audiences:
    """Return the audiences."""
    return Audiences(database, NoRestaurants(), clock, ids)


@pytest.fixture
async def browser(audiences: Audiences) -> AsyncIterator[Browser]:
    """A marketer's browser."""
    module = Module(
        name="campaigns",
        routes=[*AudiencePages(audiences).routes(), *AudienceApi(audiences).routes()],
        templates=Path(campaigns_file).parent / "templates",
    )
    async with Browser(front([module], Sessions())) as browser:
        browser.cookies.set(SESSION_COOKIE, "marketer", domain="demo.example")
        yield browser


def person(number: int, **changes: Any) -> JudgedPerson:
    """Return somebody who has opted in and picked up twice."""
    orders = tuple(OrderMade(START - timedelta(days=day), "pickup", 1000) for day in (1, 2))
    made = JudgedPerson(
        id=UUID(int=number),
        domain="example.org",
        zone="",
        name=f"Guest {number}",
        phone="",
        consent_at=START,
        unsubscribed_at=None,
        suppressed=False,
        attributes={},
        orders=orders,
    )
    return made._replace(**changes)


async def test_reach_counts_and_says_who_is_left_out(database: Database, audiences: Audiences) -> None:
    """Twelve fit, of whom two may not be mailed; ten are shown."""
    people = [person(n) for n in range(1, 12)]
    people += [person(20, consent_at=None), person(21, suppressed=True), person(22, orders=())]
    await write_people(database, people)
    reach = await audiences.reach(RESTAURANT, ISSUE)
    assert (reach.reached, reach.left_out, len(reach.sample)) == (11, 2, 10)
    assert reach.sentence.startswith("ordered at least twice in the last 60 days")
    assert (await audiences.reach(UUID(int=8), ISSUE)).reached == 0
    with pytest.raises(Refused, match="Everybody"):
        await audiences.reach(RESTAURANT, Conditions(of=(Orders(how="at_least", count=0),)))


async def test_a_count_that_takes_too_long_is_given_up(
    database: Database, audiences: Audiences, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no number then, and the sentence all the same."""
    del database

    async def slowly(tx: Transaction, *_: object) -> tuple[int, int]:
        await tx.execute("SET LOCAL statement_timeout = '10ms'")
        await tx.execute("SELECT pg_sleep(30)")
        return 0, 0

    monkeypatch.setattr(audience_store, "reach", slowly)
    reach = await audiences.reach(RESTAURANT, EVERYBODY)
    assert (reach.reached, reach.left_out, reach.sentence) == (None, None, "opted in")


async def test_an_audience_that_is_scheduled_for_cannot_be_deleted(database: Database, audiences: Audiences) -> None:
    """Names are taken once; a draft lets its audience go, a scheduled campaign does not."""
    kept = await audiences.create(RESTAURANT, AudienceForm(name=" Regulars  of  ours ", conditions=ISSUE))
    assert (kept.name, kept.conditions) == ("Regulars of ours", ISSUE)
    other = await audiences.create(RESTAURANT, AudienceForm(name="All"))
    with pytest.raises(Refused, match="already"):
        await audiences.create(RESTAURANT, AudienceForm(name="All"))
    with pytest.raises(Refused, match="already"):
        await audiences.change(RESTAURANT, other.id, AudienceForm(name="Regulars of ours"))
    with pytest.raises(Refused, match="no such"):
        await audiences.change(UUID(int=8), other.id, AudienceForm(name="Stolen"))
    await database.fetch(CAMPAIGN, RESTAURANT, "scheduled", kept.id)
    await database.fetch(CAMPAIGN, RESTAURANT, "draft", other.id)
    with pytest.raises(Refused, match="Spring"):
        await audiences.delete(RESTAURANT, kept.id)
    await audiences.delete(RESTAURANT, other.id)
    assert [(each.name, each.campaigns) for each in await audiences.listed(RESTAURANT)] == [("Regulars of ours", 1)]


async def test_the_builder_works_without_scripts(browser: Browser, audiences: Audiences) -> None:
    """Rows are added, nested, removed, corrected and saved by posting the form; then the page shows the same again."""
    new = "/staff/audiences/new"
    page = await browser.submit(new, new, {"action": "add:", "kind:": "ordered_times"})
    assert 'name="0.count" value="2"' in page.text
    page = await browser.submit(new, new, {**fields(page.text), "action": "add_group"})
    page = await browser.submit(new, new, {**fields(page.text), "action": "add:1", "kind:1": "spent"})
    page = await browser.submit(new, new, {**fields(page.text), "action": "add:", "kind:": "given"})
    page = await browser.submit(new, new, {**fields(page.text), "action": "remove:2"})
    typed = {**fields(page.text), "1.0.amount": "a lot", "name": "Regulars", "action": "save"}
    page = await browser.submit(new, new, typed)
    assert (page.status_code, "Write an amount" in page.text) == (422, True)
    page = await browser.submit(new, new, {**typed, "1.0.amount": "25.00"})
    assert "Customers who ordered at least twice in the last 60 days, spent at least €25.00 in all" in page.text
    (kept,) = await audiences.listed(RESTAURANT)
    page = await browser.get(f"/staff/audiences/{kept.id}")
    assert 'name="1.0.amount" value="25.00"' in page.text
    page = await browser.submit(new, new, {**typed, "1.0.amount": "30.00"})
    assert (page.status_code, "of this name already" in page.text) == (409, True)
    await browser.submit("/staff/audiences", f"/staff/audiences/{kept.id}/delete", {})
    assert await audiences.listed(RESTAURANT) == []


async def test_programs_have_the_same_doors(browser: Browser) -> None:
    """Made, read, previewed, changed and deleted over the API; nobody else gets in."""
    headers = {"Authorization": "Bearer marketer"}
    browser.cookies.clear()
    path = "/api/v1/audiences"
    made = await browser.post(path, json={"name": "Regulars", "conditions": CONDITIONS}, headers=headers)
    assert made.status_code == 201, made.text
    assert parse(made.json()["conditions"]) == parse(CONDITIONS)
    one = f"{path}/{made.json()['id']}"
    assert (await browser.post(f"{path}/preview", json=CONDITIONS, headers=headers)).json()["reached"] == 0
    nonsense = {"of": [{"kind": "orders", "how": "at_least", "count": 0}]}
    answer = await browser.post(f"{path}/preview", json=nonsense, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "conditions.of.0.count")
    assert (await browser.put(one, json={"name": "All"}, headers=headers)).json()["sentence"] == "opted in"
    assert (await browser.delete(one, headers=headers)).status_code == 204
    assert (await browser.get(one, headers=headers)).status_code == 404
    assert (await browser.get(path, headers={"Accept": "application/json"})).status_code == 401


def fields(page: str) -> dict[str, Any]:
    """Return what a browser would post of the builder's form."""
    form = page[page.index('id="audience"') :]
    posted: dict[str, Any] = {"row": re.findall(r'name="row" value="([^"]*)"', form)}
    for name, value in re.findall(r'<input(?: type="hidden")? name="([^"]+)" value="([^"]*)"', form):
        if name not in {"row", "_csrf"}:
            posted[name] = html.unescape(value)
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        if chosen and not name.startswith("kind:"):
            posted[name] = chosen[1]
    return posted

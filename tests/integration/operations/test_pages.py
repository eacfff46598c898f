"""The operators' pages: who may see them, what they show, and what can be done there without scripts."""

from collections.abc import AsyncIterator

import pytest
from litestar.types import ASGIApp
from structlog.testing import capture_logs

from comanda.engine.database import Database, Transaction
from comanda.engine.events import EventLog
from comanda.engine.lanes import Consumer, consumer
from comanda.engine.lanes.parked_desk import ParkedDesk, ParkedFilter
from comanda.engine.monitoring import overview
from comanda.engine.rates import Rate
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.front import Browser, front
from tests.fakes.lanes import Rung, effects, until, working
from tests.integration.operations.conftest import Handler, Sessions, emit, room

LANE = "/ops/lanes/bells.ring"


@pytest.fixture
def app(database: Database, ring: Consumer, count: Consumer) -> ASGIApp:
    """Return the site with the operators' room."""
    module = room(database, ring, count)
    return front([module], Sessions())


@pytest.fixture
async def browser(app: ASGIApp) -> AsyncIterator[Browser]:
    """Return the operator's browser."""
    async with browser_of(app, "operator") as browser:
        yield browser


@pytest.fixture
async def parked(database: Database, log: EventLog, ring: Consumer, handler: Handler) -> AsyncIterator[None]:
    """Three dead letters in the lane `bells.ring`, whose bells are mended by now, with a worker beside them."""
    handler.broken |= {"cracked", "split", "<b>bent</b>"}
    async with working(database, ring):
        await emit(database, log, "cracked", "split", "<b>bent</b>")

        async def there() -> bool:
            return (await overview(database, [ring])).lanes[0].dead == 3

        await until(there)
        handler.broken.clear()
        yield


def browser_of(app: ASGIApp, who: str) -> Browser:
    """Return the browser of someone."""
    browser = Browser(app)
    browser.cookies.set(SESSION_COOKIE, who, domain="demo.example")
    return browser


async def test_who_may_come_in(app: ASGIApp) -> None:
    """Operators and owners; a cook is refused; a stranger is sent to sign in, and from there back."""
    for who, status in (("operator", 200), ("owner", 200), ("cook", 403)):
        async with browser_of(app, who) as browser:
            for path in ("/ops", LANE, "/ops/log"):
                assert (await browser.get(path)).status_code == status
    async with Browser(app) as stranger:
        answer = await stranger.get("/ops", follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/staff/sign-in?next=/ops"
        assert (await stranger.get("/ops/stream", headers={"accept": "text/event-stream"})).status_code == 401


async def test_the_lanes(browser: Browser, database: Database, log: EventLog) -> None:
    """Each with its backlog; one that nobody serves is called so; and nothing in the page is in-line script."""
    await emit(database, log, "a", "b")
    page = (await browser.get("/ops")).text
    assert page.count("unattended") == 2
    assert 'href="/ops/lanes/bells.ring"' in page
    assert "<svg" in page
    assert "<script>" not in page
    assert "style=" not in page


@pytest.mark.usefixtures("parked")
async def test_one_lane_and_its_letters(browser: Browser) -> None:
    """Errors and keys are shown as text; the filter shows what fits."""
    page = (await browser.get(LANE)).text
    assert page.count('class="card letter') == 3
    assert "DeadLetter: The bell cracked is cracked." in page
    assert "&lt;b&gt;bent&lt;/b&gt;" in page
    assert "<b>bent" not in page
    page = (await browser.get(LANE, params={"which": "dead", "error": "bell split"})).text
    assert page.count('class="card letter') == 1
    assert (await browser.get(LANE, params={"which": "odd"})).status_code == 422
    assert (await browser.get(LANE, params={"key": "a\0b"})).status_code == 422
    assert (await browser.get("/ops/lanes/no.such")).status_code == 404
    assert (await browser.get(LANE, params={"after": str(10**30)})).status_code == 200
    assert "call this number" not in (await browser.get(LANE, params={"told": "call this number"})).text


@pytest.mark.usefixtures("parked")
async def test_trying_one_again(browser: Browser, database: Database) -> None:
    """A ticked letter is redriven, by the person whose name the log keeps."""
    (first, *_) = await ParkedDesk(database).look(ParkedFilter(lane="bells.ring"))
    with capture_logs() as logs:
        page = await browser.submit(LANE, f"{LANE}/parked", {"action": "redrive-ticked", "id": str(first.event_id)})
    assert "1 tried again" in page.text
    assert ("parked events redriven", "operator@example.org") in [(line["event"], line.get("who")) for line in logs]

    async def rung() -> bool:
        return await effects(database) == [("cracked", 0)]

    await until(rung)


@pytest.mark.usefixtures("parked")
async def test_dropping_what_fits_needs_a_yes(browser: Browser, database: Database) -> None:
    """Without the tick nothing goes; with it, what fits the filter does, and nothing else."""
    fields = {"action": "drop-all", "error": "bell cracked"}
    page = await browser.submit(LANE, f"{LANE}/parked", fields)
    assert "Nothing was dropped" in page.text
    page = await browser.submit(LANE, f"{LANE}/parked", {**fields, "sure": "yes"})
    assert "1 dropped" in page.text
    left = await ParkedDesk(database).look(ParkedFilter(lane="bells.ring"))
    assert [event.key for event in left] == ["split", "<b>bent</b>"]


@pytest.mark.usefixtures("parked")
async def test_what_no_form_of_ours_sends_is_refused(app: ASGIApp, browser: Browser) -> None:
    """Odd actions and ids; a form without its token; a form of someone without the role."""
    for fields in ({"action": "redrive"}, {"action": "burn-all"}, {"action": "redrive-ticked", "id": "one"}):
        assert (await browser.submit(LANE, f"{LANE}/parked", fields)).status_code == 422
    assert (await browser.submit(LANE, f"{LANE}/steer", {"action": "burn"})).status_code == 422
    assert (await browser.submit(LANE, f"{LANE}/steer", {"action": "shards", "shards": "3"})).status_code == 422
    assert (await browser.post(f"{LANE}/parked", data={"action": "redrive-all"})).status_code == 403
    async with browser_of(app, "cook") as cook:
        assert (await cook.post(f"{LANE}/parked", data={"action": "redrive-all"})).status_code == 403


async def test_steering(browser: Browser, database: Database, ring: Consumer) -> None:
    """Pause, cut anew, resume: each says what it did, and the lanes' page shows it."""
    assert "Paused since" in (await browser.submit(LANE, f"{LANE}/steer", {"action": "pause"})).text
    await browser.submit(LANE, f"{LANE}/steer", {"action": "shards", "shards": "4"})
    seen = (await overview(database, [ring])).lanes[0]
    assert seen.paused_at is not None
    assert seen.shards == 4
    await browser.submit(LANE, f"{LANE}/steer", {"action": "resume"})
    assert (await overview(database, [ring])).lanes[0].paused_at is None


@pytest.mark.usefixtures("parked")
async def test_one_events_way_and_the_log(browser: Browser) -> None:
    """From the log to an event, to where it is stuck; an id that is typed leads there too."""
    listed = (await browser.get("/ops/log", params={"key": "cracked"})).text
    assert listed.count('class="lane-name"') == 1
    page = await browser.get("/ops/log", params={"event_id": "1"})
    assert page.url.path == "/ops/events/1"
    assert "dead letter" in page.text
    assert "bells.count" in page.text
    assert "&#34;number&#34;: 0" in page.text
    assert (await browser.get("/ops/events/999")).status_code == 404
    assert (await browser.get(f"/ops/events/{10**30}")).status_code == 404
    assert (await browser.get("/ops/log", params={"before": "x"})).status_code == 422


async def test_what_the_other_side_has_slowed_down(database: Database) -> None:
    """The keys whose rate has not grown back yet are told with what is left of it; all others are not."""

    @consumer("bells.mail", [Rung], rates=[Rate(per_s=8, by=lambda event: str(event.bell), recover_s=3600)])
    async def mail(_tx: Transaction, _event: Rung) -> None:
        """Do nothing."""

    await database.fetch(
        "INSERT INTO engine.rates (lane, key, tokens, filled_at, idle_at, factor, slowed_at) "
        "SELECT 'bells.mail', key, 1, now(), now(), factor, now() - age FROM (VALUES "
        "(':slow.example', 0.25, interval '0'), (':quick.example', 1, NULL), ('gone:odd.example', 0.5, interval '0'), "
        "(':paused.example', 0.5, interval '1 second')) AS v (key, factor, age)"
    )
    await database.fetch(
        "UPDATE engine.rates SET filled_at = now() + interval '9 minutes' WHERE key = ':paused.example'"
    )
    module = room(database, mail)
    async with browser_of(front([module], Sessions()), "operator") as browser:
        page = (await browser.get("/ops/lanes/bells.mail")).text
    assert '<b>slow.example</b> <span class="muted">goes at 25 % of 8.0/s' in page
    assert page.count("asked for a pause until") == 1
    assert "quick.example" not in page
    assert "odd.example" not in page

"""The staff's pages of campaigns, in a browser without scripts: the list, the editor, the running page."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from comanda.contexts.campaigns import campaign_pages
from comanda.contexts.campaigns.campaign_pages import CampaignPages
from comanda.contracts.module import Module
from comanda.engine.database import Database
from comanda.web.cookies import SESSION_COOKIE
from tests.fakes.clock import FakeClock
from tests.fakes.front import Browser, front
from tests.fakes.ids import SeededIds
from tests.fakes.smtp_server import ScriptedSmtp
from tests.integration.campaigns.campaign_desk import RESTAURANT, Desk
from tests.integration.campaigns.test_campaign_api import Sessions
from tests.integration.receipts.office import smtp_mailer

LIST = "/staff/campaigns"
TEMPLATES = Path(campaign_pages.__file__).parent / "templates"


@pytest.fixture
async def desk(database: Database, clock: FakeClock, ids: SeededIds) -> Desk:
    """A restaurant with three people to mail."""
    desk = Desk(database, clock, ids)
    await desk.furnish()
    return desk


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    """A mail server without orders."""
    server = ScriptedSmtp()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def browser(desk: Desk, server: ScriptedSmtp, tmp_path: Path) -> AsyncIterator[Browser]:
    """Return the marketer's browser."""
    courier = desk.courier(smtp_mailer(server.port), tmp_path)
    pages = CampaignPages(
        database=desk.database,
        campaigns=desk.campaigns,
        compiler=desk.compiler,
        previews=desk.previews(courier),
        clock=desk.clock,
    )
    module = Module(name="campaigns", routes=pages.routes(), templates=TEMPLATES, staff_links=[campaign_pages.LINK])
    async with Browser(front([module], Sessions())) as browser:
        browser.cookies.set(SESSION_COOKIE, "marketer")
        yield browser
    await courier.stop()


def words(html: str) -> str:
    """Return what a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_the_list_says_what_each_has_done(browser: Browser, desk: Desk) -> None:
    """Empty at first; then state, recipients, sent, opened and clicked, without what machines opened."""
    assert "No campaigns yet" in (await browser.get(LIST)).text
    number = (await desk.campaign()).number
    await desk.campaigns.start(RESTAURANT, number)
    await desk.database.fetch("UPDATE campaigns.campaigns SET recipients = 1200")
    await desk.database.fetch(
        "INSERT INTO campaigns.minutes (campaign, minute, domain, sent) VALUES ($1, $2, 'a', 700), ($1, $2, 'b', 300)",
        number,
        desk.clock.now(),
    )
    await desk.database.fetch(
        "INSERT INTO campaigns.openings (campaign, recipient, first_at, times) "
        "SELECT $1, n, $2, (n > 50)::int FROM generate_series(1, 350) n",
        number,
        desk.clock.now(),
    )
    await desk.database.fetch(
        "INSERT INTO campaigns.clicks (campaign, recipient, link, first_at, last_at, times) "
        "SELECT $1, n / 2, n % 2, $2, $2, 1 FROM generate_series(2, 41) n",
        number,
        desk.clock.now(),
    )
    page = words((await browser.get(LIST)).text)
    assert "Summer Being prepared Everybody 1,200 1,000 300 30 % 20 2 % since" in page


async def test_only_marketers_see_them(browser: Browser) -> None:
    """A cook is refused; another restaurant's owner sees none of these."""
    browser.cookies.set(SESSION_COOKIE, "cook")
    assert (await browser.get(LIST)).status_code == 403


def fields_of(html: str) -> dict[str, str]:
    """Return what stands in the fields of a page that a browser would send: without lists and unticked boxes."""
    found = {}
    for tag in re.findall(r"<input[^>]+>", html):
        at = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if at.get("type") not in {"radio", "checkbox"} or " checked" in tag:
            found[at["name"]] = unescape(at.get("value", ""))
    for name, value in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', html, re.DOTALL):
        found[name] = unescape(value)
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        found[name] = chosen[0] if chosen else ""
    return found


async def test_a_campaign_is_written_and_started_without_scripts(browser: Browser, desk: Desk) -> None:
    """Add a block, see its fault at its field with nothing lost, save, preview, review, start, pause."""
    number = (await desk.campaign()).number
    edit = f"{LIST}/{number}/edit"
    page = await browser.get(edit)
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    page = await browser.post(edit, data=fields_of(page.text) | {"action": "add:blocks:button"})
    typed = fields_of(page.text) | {"document.blocks.3.text": "Go", "document.blocks.3.link": "javascript:x"}
    page = await browser.post(edit, data=typed | {"action": "save"})
    assert (page.status_code, 'id="document.blocks.3.link-error"' in page.text) == (422, True)
    assert fields_of(page.text)["document.blocks.3.link"] == "javascript:x"
    good = fields_of(page.text) | {"document.blocks.3.link": "https://eat.example/", "name": "Late summer"}
    shown = await browser.post(f"{LIST}/{number}/preview", data=good | {"position": "1"})
    assert "Ada, summer is here" in shown.text
    assert "sandbox" in shown.headers["content-security-policy"]
    page = await browser.post(edit, data=good | {"action": "review"})
    assert "3 people get it now" in words(page.text)
    page = await browser.post(f"{LIST}/{number}/start", data=fields_of(page.text))
    assert "Being prepared" in page.text
    page = await browser.post(f"{LIST}/{number}/steer", data=fields_of(page.text) | {"action": "pause"})
    assert "Paused" in page.text
    assert (await desk.campaigns.one(RESTAURANT, number)).name == "Late summer"


async def test_two_authors_lose_nothing(browser: Browser, desk: Desk) -> None:
    """The second to save is told, and what they typed still stands there."""
    number = (await desk.campaign()).number
    edit = f"{LIST}/{number}/edit"
    typed = fields_of((await browser.get(edit)).text)
    await desk.campaigns.edit(RESTAURANT, number, desk.draft(), version=1)
    page = await browser.post(edit, data=typed | {"name": "Mine", "action": "save"})
    assert (page.status_code, fields_of(page.text)["name"]) == (409, "Mine")
    assert (await desk.campaigns.one(RESTAURANT, number)).name == "Summer"


async def test_a_fault_at_the_review_is_no_conflict_afterwards(browser: Browser, desk: Desk) -> None:
    """What was saved before the review found a gap can be saved again; nobody else has changed it."""
    number = (await desk.campaign(address="")).number
    edit = f"{LIST}/{number}/edit"
    page = await browser.post(edit, data=fields_of((await browser.get(edit)).text) | {"action": "review"})
    assert (page.status_code, 'id="document.address-error"' in page.text) == (422, True)
    page = await browser.post(edit, data=fields_of(page.text) | {"document.address": "Here 1", "action": "review"})
    assert "3 people get it now" in words(page.text)

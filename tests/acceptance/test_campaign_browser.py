"""A marketer in a real browser: a campaign is made, looked at and sent; who leaves by its link gets no other."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.test_browser import sign_in
from tests.fakes.chromium import PATIENCE_MS, chromium, window
from tests.fakes.running_box import RunningBox, run, running_box, until

pytestmark = pytest.mark.slow  # Starts a whole box and a browser.

PEOPLE = "Name,E-mail,Newsletter\nAna Sousa,ana@example.org,yes\nBo,bo@example.org,yes\nCy,cy@example.org,no\n"


@pytest.fixture(scope="module")
def box() -> Iterator[RunningBox]:
    """A box whose restaurant has three customers, of whom two want news."""
    with tempfile.TemporaryDirectory(prefix="comanda-marketer-") as folder:
        data, people = Path(folder, "data"), Path(folder, "people.csv")
        people.write_text(PEOPLE)
        with running_box(data) as box:
            status, _, errors = run("customers", "import", str(people), "--data", str(data))
            assert status == 0, errors
            yield box


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    with chromium() as browser:
        expect.set_options(timeout=PATIENCE_MS)
        yield browser


def mailbox(box: RunningBox) -> str:
    """Return where the mailbox's page is."""
    found = re.search(r"Mailbox\s+(http://\S+?)/?\s", box.told)
    assert found is not None
    return found[1]


def write_and_send(page: Page, box: RunningBox, subject: str) -> None:
    """Make a campaign to everybody who wants one, look at it as a customer, and send it."""
    page.goto("/staff/campaigns")
    page.get_by_role("button", name="New campaign").first.click()
    page.wait_for_url("**/edit")
    page.get_by_label("Name, for yourselves").fill(subject)
    page.get_by_label("To", exact=True).select_option(label="Everybody")
    page.get_by_label("Subject", exact=True).fill(f"{{{{ first_name | Hello }}}}, {subject}")
    page.get_by_label("Postal address").fill("Calle Mayor 1, 28013 Madrid")
    page.get_by_role("button", name="Show what is typed").click()
    preview = page.frame_locator("iframe").first
    expect(preview.locator("body")).to_contain_text(subject)
    page.get_by_role("button", name="Review and send").click()
    page.get_by_role("button", name="Yes, send it").click()
    page.wait_for_url(re.compile(r"/staff/campaigns/\d+$"))
    until(lambda: "Finished" in _shown_again(page), what="the campaign to be finished")
    del box


def _shown_again(page: Page) -> str:
    page.reload()
    return page.locator("main").inner_text()


def test_a_campaign_from_the_editor_to_the_mailbox_and_back(box: RunningBox, browser: Browser) -> None:
    """Two get the first one; one of them leaves with one click in the mail, and the second goes to the other alone."""
    with window(browser, box.address, scripts=True, width=1280) as context:
        page = context.new_page()
        sign_in(page, box, "/staff/audiences/new")
        page.get_by_label("Name").first.fill("Everybody")
        page.get_by_role("button", name="Save").first.click()
        page.wait_for_url("**/staff/audiences**")
        write_and_send(page, box, "summer is here")
        reader = context.new_page()
        reader.goto(mailbox(box))
        expect(reader.get_by_text("Ana, summer is here")).to_be_visible()
        expect(reader.get_by_text("Bo, summer is here")).to_be_visible()
        expect(reader.get_by_text("Cy, summer is here")).to_have_count(0)
        reader.get_by_text("Bo, summer is here").click()
        found = re.search(rf"{re.escape(box.address)}/u/[\w-]+", _raw(reader))
        assert found is not None
        reader.goto(found[0])
        reader.get_by_role("button", name="Stop the news").click()
        expect(reader.get_by_role("heading")).to_contain_text("no more news")
        write_and_send(page, box, "autumn is here")
        reader.goto(mailbox(box))
        expect(reader.get_by_text("Ana, autumn is here")).to_be_visible()
        expect(reader.get_by_text("Bo, autumn is here")).to_have_count(0)
        page.goto(page.url + "/report")
        expect(page.locator(".statement")).to_contain_text("twice 0")


def _raw(reader: Page) -> str:
    answer = reader.request.get(f"{reader.url.split('#')[0]}/raw")
    # Soft line breaks of quoted-printable.
    return answer.text().replace("=\r\n", "").replace("=\n", "")
